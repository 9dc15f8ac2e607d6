"""Which pictures: each family with each scheduler, guidance, size, seed and prompt that changes what is computed."""

from collections.abc import Iterator
from typing import Any

PROMPT = "a red bicycle in the snow"
NEGATIVE = "blurry, low quality, text"
LONG = "a lighthouse at night, soft morning fog over the mountains, " * 12

DDIM, PNDM, EULER, ANCESTRAL = "DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler"
DPM, UNIPC, LCM, HEUN, FLOW = ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "LCMScheduler", "HeunDiscreteScheduler",
                               "FlowMatchEulerDiscreteScheduler")
COMMON = (DDIM, EULER, ANCESTRAL, DPM, UNIPC, HEUN, LCM)

EMPTY: dict[str, Any] = dict.fromkeys(("guidance_scale", "guidance_rescale", "clip_skip", "eta", "latents", "strength", "init_image", "init_latents",
                                       "denoising_start", "denoising_end", "aesthetic_score", "negative_aesthetic_score", "scheduler"))
EMPTY |= {"scheduler_options": {}, "count": 1, "seed": 7, "width": 64, "height": 96, "steps": 5, "prompt": PROMPT, "negative_prompt": NEGATIVE,
          "picture": False, "after": None}

TEXT = {"sd": "StableDiffusionPipeline", "lcm": "LatentConsistencyModelPipeline", "xl": "StableDiffusionXLPipeline",
        "sd3": "StableDiffusion3Pipeline", "flux": "FluxPipeline"}
IMAGE = {kind: name.replace("Pipeline", "Img2ImgPipeline") for kind, name in TEXT.items()}

Case = dict[str, Any]


def make(model: str, about: str, pipeline: str, **given: Any) -> Case:
    return {**EMPTY, "name": f"{model}/{about}", "model": model, "pipeline": pipeline, **given}


def sd1() -> Iterator[Case]:
    def text(about: str, **given: Any) -> Case:
        return make("sd1", about, TEXT["sd"], **{"guidance_scale": 7.5, **given})

    def image(about: str, **given: Any) -> Case:
        return make("sd1", f"image-{about}", IMAGE["sd"], **{"guidance_scale": 7.5, "init_image": True, "strength": 0.6, **given})

    for kind in (None, *COMMON, "DDPMScheduler"):
        name = (kind or "own").removesuffix("Scheduler")
        yield text(f"{name}-7.5", scheduler=kind, picture=True)
        yield text(f"{name}-1", scheduler=kind, guidance_scale=1.0, width=64, height=64, steps=4, seed=3)
        if kind != "DDPMScheduler":
            yield image(name, scheduler=kind, picture=kind in (None, ANCESTRAL, HEUN))
    for kind in (EULER, DPM, UNIPC, HEUN):
        yield text(f"{kind.removesuffix('Scheduler')}-karras", scheduler=kind, scheduler_options={"use_karras_sigmas": True}, steps=8)
    yield text("dpm-sde-karras", scheduler=DPM, scheduler_options={"use_karras_sigmas": True, "algorithm_type": "sde-dpmsolver++"}, steps=6)
    yield text("dpm-3", scheduler=DPM, scheduler_options={"solver_order": 3}, steps=9)
    yield text("trailing", scheduler=DDIM, scheduler_options={"timestep_spacing": "trailing"}, steps=3)
    # Not with DDIM, where it makes of a difference of 1e-6 one of 5e-3.
    yield text("thresholding", scheduler=DPM, scheduler_options={"thresholding": True, "sample_max_value": 4.0})
    yield text("wide", width=96, height=64, picture=True)
    yield text("nine-sixteenths", width=144, height=256, steps=4, picture=True)
    yield text("large-square", width=128, height=128, steps=3, scheduler=EULER)
    yield text("narrow", width=16, height=128, scheduler=DDIM)
    yield text("empty", prompt="", picture=True)
    yield text("long", prompt=LONG, negative_prompt="")
    yield text("both-long", prompt=LONG, negative_prompt=LONG[9:])
    yield text("no-negative", negative_prompt=None)
    yield text("scripts", prompt="\u96ea\u306e\u4e2d\u306e\u8d64\u3044\u81ea\u8ee2\u8eca \U0001f6b2 Stra\u00dfe caf\u00e9", negative_prompt="\u0442\u0435\u043a\u0441\u0442")
    yield text("seed-0", seed=0)
    yield text("seed-large", seed=2**53 - 7)
    for guidance in (0.0, 1.5, 20.0):
        yield text(f"guidance-{guidance}", guidance_scale=guidance, scheduler=EULER)
    yield text("rescale", guidance_rescale=0.7, picture=True)
    yield text("rescale-euler", guidance_rescale=0.3, scheduler=EULER, count=2)
    yield text("two", count=2, picture=True)
    yield text("three-ancestral", count=3, scheduler=ANCESTRAL, steps=3)
    yield text("three-sde", count=3, scheduler=DPM, scheduler_options={"algorithm_type": "sde-dpmsolver++"}, steps=4)
    yield text("latents", latents=True)
    yield text("latents-euler", latents=True, scheduler=EULER)
    yield text("latents-ancestral", latents=True, scheduler=ANCESTRAL)
    yield text("eta", eta=0.6, scheduler=DDIM)
    for skip in (0, 1, 2):
        yield text(f"skip-{skip}", clip_skip=skip, picture=skip == 1)
    yield text("skip-1-alone", clip_skip=1, guidance_scale=1.0)
    for steps in (1, 2, 20, 50):
        yield text(f"steps-{steps}", steps=steps)
    for strength in (0.25, 0.8, 1.0):
        yield image(f"{strength}", strength=strength, steps=8, scheduler=DDIM, picture=strength == 0.8)
    yield image("two", count=2, scheduler=EULER)
    # Sizes whose halves are odd: on its way up the UNet takes the size of what it kept on its way down.
    yield text("odd", width=72, height=104, picture=True)
    yield text("odd-wide", width=120, height=56, scheduler=EULER, steps=3)
    yield image("odd", width=88, height=72, scheduler=DDIM)
    yield image("skip-2", clip_skip=2, scheduler=UNIPC)
    yield image("karras", scheduler=DPM, scheduler_options={"use_karras_sigmas": True}, steps=10, strength=0.5)
    yield image("wide", width=96, height=64, scheduler=EULER, guidance_scale=1.0)
    yield make("sd1-int64", "text", TEXT["sd"], guidance_scale=5.0)
    yield make("sd1-int64", "dpm-karras", TEXT["sd"], guidance_scale=5.0, scheduler=DPM, scheduler_options={"use_karras_sigmas": True}, steps=8)
    for variant in ("fp16", "bf16", "external", "fixed", "taesd"):
        yield make(f"sd1-{variant}", "text", TEXT["sd"], guidance_scale=1.0 if variant == "fixed" else 5.0, scheduler=DDIM, picture=True)
        yield make(f"sd1-{variant}", "image", IMAGE["sd"], guidance_scale=1.0 if variant == "fixed" else 5.0, scheduler=EULER, init_image=True,
                   strength=0.6, picture=variant == "taesd")


def sd2() -> Iterator[Case]:
    for kind in (None, EULER, ANCESTRAL, DPM, UNIPC, HEUN, LCM, PNDM):
        name = (kind or "own").removesuffix("Scheduler")
        yield make("sd2", name, TEXT["sd"], scheduler=kind, guidance_scale=7.5, picture=kind in (None, EULER))
    zero = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    yield make("sd2", "zero-snr", TEXT["sd"], scheduler=DDIM, scheduler_options=zero, guidance_scale=7.5, guidance_rescale=0.7, picture=True)
    yield make("sd2", "zero-snr-euler", TEXT["sd"], scheduler=EULER, scheduler_options=zero, guidance_scale=5.0, guidance_rescale=0.7)
    yield make("sd2", "dpm-karras", TEXT["sd"], scheduler=DPM, scheduler_options={"use_karras_sigmas": True}, guidance_scale=7.5, steps=8)
    yield make("sd2", "one", TEXT["sd"], guidance_scale=1.0, width=128, height=64)
    yield make("sd2", "image", IMAGE["sd"], guidance_scale=7.5, init_image=True, strength=0.7, picture=True)
    yield make("sd2", "odd", TEXT["sd"], guidance_scale=7.5, width=104, height=40)
    yield make("sd2", "empty", TEXT["sd"], guidance_scale=7.5, prompt="", negative_prompt=None)
    for steps in (1, 2, 4):
        yield make("sd-turbo", f"steps-{steps}", TEXT["sd"], guidance_scale=0.0, negative_prompt=None, steps=steps, picture=steps == 1)
    yield make("sd-turbo", "guided", TEXT["sd"], guidance_scale=2.0, steps=4)
    yield make("sd-turbo", "image", IMAGE["sd"], guidance_scale=0.0, negative_prompt=None, steps=4, init_image=True, strength=0.5)


def lcm() -> Iterator[Case]:
    def text(about: str, **given: Any) -> Case:
        return make("lcm", about, TEXT["lcm"], **{"guidance_scale": 8.5, "negative_prompt": None, "steps": 4, **given})

    for steps in (1, 2, 4, 8):
        yield text(f"steps-{steps}", steps=steps, picture=steps == 4)
    for guidance in (1.0, 1.5, 2.0):
        yield text(f"guidance-{guidance}", guidance_scale=guidance)
    yield text("two", count=2)
    yield text("nine-sixteenths", width=144, height=256)
    yield text("long", prompt=LONG)
    yield text("latents", latents=True)
    for strength in (0.5, 0.8):
        yield make("lcm", f"image-{strength}", IMAGE["lcm"], guidance_scale=8.5, negative_prompt=None, steps=4, init_image=True, strength=strength,
                   picture=strength == 0.5)
    yield make("lcm", "image-two", IMAGE["lcm"], guidance_scale=8.5, negative_prompt=None, steps=4, init_image=True, strength=0.6, count=2)
    yield make("lcm", "in-sd", TEXT["sd"], guidance_scale=7.5, steps=4)


def sdxl() -> Iterator[Case]:
    def text(about: str, model: str = "sdxl", **given: Any) -> Case:
        return make(model, about, TEXT["xl"], **{"guidance_scale": 5.0, **given})

    for kind in (None, DDIM, ANCESTRAL, DPM, UNIPC, HEUN, LCM, PNDM):
        yield text((kind or "own").removesuffix("Scheduler"), scheduler=kind, picture=kind in (None, DPM))
    yield text("dpm-karras", scheduler=DPM, scheduler_options={"use_karras_sigmas": True}, steps=8)
    yield text("dpm-sde-karras", scheduler=DPM, scheduler_options={"use_karras_sigmas": True, "algorithm_type": "sde-dpmsolver++"}, steps=8)
    yield text("zero-snr", scheduler_options={"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}, guidance_rescale=0.7)
    for guidance in (1.0, 1.5, 7.5):
        yield text(f"guidance-{guidance}", guidance_scale=guidance)
    yield text("rescale", guidance_rescale=0.7)
    yield text("odd", width=56, height=88, picture=True)
    yield text("no-negative", negative_prompt=None, picture=True)
    yield text("empty-negative", negative_prompt="")
    yield text("empty", prompt="", negative_prompt=None)
    yield text("long", prompt=LONG)
    yield text("wide", width=128, height=64)
    yield text("nine-sixteenths", width=144, height=256, steps=4)
    yield text("two", count=2, seed=12)
    yield text("latents", latents=True)
    for skip in (1, 0):
        yield text(f"skip-{skip}", clip_skip=skip, guidance_scale=5.0)
    yield text("no-negative", "sdxl-plain", negative_prompt=None)
    yield text("empty-negative", "sdxl-plain", negative_prompt="")
    for strength, kind in ((0.3, None), (0.6, DPM), (1.0, ANCESTRAL)):
        yield make("sdxl", f"image-{strength}", IMAGE["xl"], guidance_scale=5.0, init_image=True, strength=strength, steps=8, scheduler=kind,
                   picture=strength == 0.6)
    yield make("sdxl", "image-two", IMAGE["xl"], guidance_scale=5.0, init_image=True, strength=0.5, steps=8, count=2)
    for steps in (1, 2, 4):
        yield text(f"steps-{steps}", "sdxl-turbo", guidance_scale=0.0, negative_prompt=None, steps=steps, picture=steps == 1)
        yield text(f"steps-{steps * 2}", "sdxl-lightning", guidance_scale=0.0, negative_prompt=None, steps=steps * 2, picture=steps == 2)
    yield text("one-step", "sdxl-lightning", guidance_scale=0.0, negative_prompt=None, steps=1, scheduler_options={"prediction_type": "sample"},
               scheduler=DDIM)
    yield make("sdxl-turbo", "image", IMAGE["xl"], guidance_scale=0.0, negative_prompt=None, steps=2, init_image=True, strength=0.5)


def refiner() -> Iterator[Case]:
    def base(about: str, **given: Any) -> Case:
        return make("sdxl", f"base-{about}", TEXT["xl"], **{"guidance_scale": 5.0, "steps": 10, "denoising_end": 0.8, **given})

    def refine(about: str, **given: Any) -> Case:
        return make("refiner", about, IMAGE["xl"], **{"guidance_scale": 5.0, "steps": 10, **given})

    for about, kind, share in (("0.8", None, 0.8), ("0.55", DDIM, 0.55), ("dpm", DPM, 0.7), ("heun", HEUN, 0.7)):
        yield base(about, scheduler=kind, denoising_end=share)
        yield refine(f"start-{about}", scheduler=kind, denoising_start=share, after=f"sdxl/base-{about}", picture=about == "0.8")
    yield base("whole", denoising_end=None)
    yield refine("latents", after="sdxl/base-whole", strength=0.3)
    yield refine("image", init_image=True, strength=0.3, picture=True)
    yield refine("image-alone", init_image=True, strength=0.5, guidance_scale=1.0)
    yield refine("aesthetic", init_image=True, strength=0.4, aesthetic_score=8.0, negative_aesthetic_score=1.0)
    yield refine("no-negative", init_image=True, strength=0.4, negative_prompt=None, width=128, height=64)


def sd3() -> Iterator[Case]:
    def text(about: str, model: str = "sd3", **given: Any) -> Case:
        return make(model, about, TEXT["sd3"], **{"guidance_scale": 7.0, **given})

    yield text("own", picture=True)
    for guidance in (1.0, 1.5, 4.5):
        yield text(f"guidance-{guidance}", guidance_scale=guidance)
    for steps in (1, 2, 12):
        yield text(f"steps-{steps}", steps=steps)
    yield text("no-negative", negative_prompt=None)
    yield text("empty", prompt="")
    yield text("long", prompt=LONG)
    yield text("nine-sixteenths", width=144, height=256, steps=3)
    yield text("two", count=2)
    yield text("latents", latents=True)
    yield text("skip-1", clip_skip=1)
    yield text("shift", scheduler_options={"shift": 1.5})
    for model in ("sd3-no-t5", "sd35"):
        yield text("text", model, picture=True)
        yield text("wide", model, width=128, height=64, guidance_scale=1.0)
    yield make("sd3", "image-two", IMAGE["sd3"], guidance_scale=7.0, init_image=True, strength=0.55, steps=6, count=2)
    for strength in (0.6, 1.0):
        yield make("sd3", f"image-{strength}", IMAGE["sd3"], guidance_scale=7.0, init_image=True, strength=strength, steps=6, picture=strength == 0.6)


def flux() -> Iterator[Case]:
    def text(model: str, about: str, **given: Any) -> Case:
        return make(model, about, TEXT["flux"], **{"negative_prompt": None, "steps": 4, **given})

    for steps in (1, 2, 4):
        yield text("flux-schnell", f"steps-{steps}", steps=steps, guidance_scale=0.0, picture=steps == 4)
    yield text("flux-schnell", "nine-sixteenths", width=144, height=256, guidance_scale=0.0)
    yield text("flux-schnell", "long", prompt=LONG, guidance_scale=0.0)
    yield text("flux-schnell", "latents", latents=True, guidance_scale=0.0)
    for guidance in (1.0, 3.5, 7.5):
        yield text("flux-dev", f"guidance-{guidance}", guidance_scale=guidance, steps=6, picture=guidance == 3.5)
    yield text("flux-dev", "wide", width=128, height=64, guidance_scale=3.5)
    yield text("flux-dev", "large", width=256, height=256, guidance_scale=3.5, steps=3)
    yield text("flux-dev", "empty", prompt="", guidance_scale=3.5)
    yield text("flux-dev", "two", count=2, guidance_scale=3.5)
    yield text("flux-dev", "steps-20", steps=20, guidance_scale=3.5)
    yield make("flux-dev", "image-two", IMAGE["flux"], negative_prompt=None, steps=6, guidance_scale=3.5, init_image=True, strength=0.55, count=2)
    for model, strength in (("flux-dev", 0.6), ("flux-schnell", 0.9)):
        yield make(model, f"image-{strength}", IMAGE["flux"], negative_prompt=None, steps=6, guidance_scale=3.5, init_image=True, strength=strength,
                   picture=model == "flux-dev")


def cases() -> list[Case]:
    return [case for family in (sd1, sd2, lcm, sdxl, refiner, sd3, flux) for case in family()]
