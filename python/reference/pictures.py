"""What the pipelines of diffusers draw: final latents of every case, pictures of some."""

import inspect
import logging
import sys
import time
import warnings
from typing import Any

import numpy as np
import PIL.Image
import torch

import pipelines
from arrays import FIXTURES, Arrays, write
from picture_cases import cases

KEPT_OUT = ("after",)
CALL = {"steps": "num_inference_steps", "count": "num_images_per_prompt"}
PLAIN = ("prompt", "negative_prompt", "width", "height", "guidance_scale", "guidance_rescale", "clip_skip", "eta", "strength", "denoising_start",
         "denoising_end", "aesthetic_score", "negative_aesthetic_score")


def init_image(width: int, height: int) -> np.ndarray:
    """Slopes, a disc and some grain."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    disc = ((x - width * 0.6) ** 2 + (y - height * 0.4) ** 2 < (0.25 * min(width, height)) ** 2) * 90.0
    grain = np.random.default_rng(6).integers(0, 24, (height, width, 3))
    colours = np.stack([x / width * 140, y / height * 140, (x + y) / (width + height) * 140], -1)
    return (colours + disc[..., None] + grain).clip(0, 255).astype(np.uint8)


def given_noise(case: dict[str, Any]) -> torch.Tensor | None:
    if not case["latents"]:
        return None
    channels = 16 if case["model"].startswith(("sd3", "flux")) else 4
    return torch.randn(1, channels, case["height"] // 8, case["width"] // 8, generator=torch.Generator().manual_seed(99))


def draw(pipe: Any, case: dict[str, Any], handed: torch.Tensor | None, kind: str) -> Any:
    """What the pipeline answers; latents have their own shape whatever the family."""
    flux, width, height = "Flux" in case["pipeline"], case["width"], case["height"]
    taken = inspect.signature(type(pipe).__call__).parameters
    given: dict[str, Any] = {CALL.get(key, key): case[key] for key in (*PLAIN, *CALL) if case[key] is not None}
    if case["init_image"]:
        given["image"] = PIL.Image.fromarray(init_image(width, height))
    if handed is not None:
        given["image"] = handed
    if (noise := given_noise(case)) is not None:
        given["latents"] = pipelines.packed(noise) if flux else noise
    # Image to image pipelines read the size off the image; LCM's take no negative prompt, which is None then.
    unknown = {key: value for key, value in given.items() if key not in taken}
    assert set(unknown) <= {"width", "height"}, unknown
    given = {key: value for key, value in given.items() if key in taken}
    answer = pipe(**given, generator=torch.Generator("cpu").manual_seed(case["seed"]), output_type=kind).images
    return pipelines.unpacked(answer, height, width) if flux and kind == "latent" else answer


def run(case: dict[str, Any], values: Arrays, pixels: Arrays, finals: dict[str, torch.Tensor]) -> dict[str, Any]:
    pipe = pipelines.pipe(case["model"], case["pipeline"], case["scheduler"], case["scheduler_options"])
    handed = finals[case["after"]] if case["after"] else None
    told = {key: value for key, value in case.items() if key not in KEPT_OUT}
    told["init_image"] = pixels.add(init_image(case["width"], case["height"])) if case["init_image"] else None
    told["init_latents"] = values.add(handed) if handed is not None else None
    noise = given_noise(case)
    told["latents"] = values.add(noise) if noise is not None else None
    final = draw(pipe, case, handed, "latent")
    told["picture"] = pixels.add((draw(pipe, case, handed, "np") * 255).round().astype(np.uint8)) if case["picture"] else None
    assert final.shape == (case["count"], final.shape[1], case["height"] // 8, case["width"] // 8), final.shape
    finals[case["name"]] = final
    told["final"] = values.add(final.contiguous())
    spread = f" picture {pixels.parts[-1].std():.0f}" if told["picture"] else ""
    print(f"{case['name']:40} largest {float(final.abs().max()):8.2f} spread {float(final.std()):6.2f}{spread}", flush=True)
    return told


def main() -> None:
    logging.getLogger("diffusers").setLevel(logging.ERROR)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    values, pixels, told = Arrays(np.float32), Arrays(np.uint8), []
    finals: dict[str, torch.Tensor] = {}
    since = time.monotonic()
    chosen = [case for case in cases() if not sys.argv[1:] or any(case["name"].startswith(prefix) for prefix in sys.argv[1:])]
    for case in chosen:
        told.append(run(case, values, pixels, finals))
    assert len({case["name"] for case in told}) == len(told), "a name stands for two cases"
    print(len(told), "cases in", round(time.monotonic() - since), "s,", values.length * 4 // 1024, "KiB of latents,", pixels.length // 1024, "of pictures")
    if chosen == cases():
        folder = FIXTURES / "pictures"
        write(folder / "cases.json", None, told)
        values.save(folder / "values.npy")
        pixels.save(folder / "pixels.npy")


if __name__ == "__main__":
    main()
