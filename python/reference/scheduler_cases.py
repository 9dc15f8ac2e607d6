"""Which runs: the configurations people's models are published with, then each option of each scheduler."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Config = dict[str, Any]

SCALED: Config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}

PUBLISHED: dict[str, Config] = {
    "sd15": {"_class_name": "PNDMScheduler", **SCALED, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1,
             "trained_betas": None, "clip_sample": False},
    "sd15-ddim": {"_class_name": "DDIMScheduler", **SCALED, "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1},
    "sd21": {"_class_name": "DDIMScheduler", **SCALED, "clip_sample": False, "prediction_type": "v_prediction", "set_alpha_to_one": False,
             "skip_prk_steps": True, "steps_offset": 1, "trained_betas": None},
    "sd-turbo": {"_class_name": "EulerDiscreteScheduler", **SCALED, "clip_sample": False, "interpolation_type": "linear",
                 "prediction_type": "epsilon", "sample_max_value": 1.0, "set_alpha_to_one": False, "skip_prk_steps": True,
                 "steps_offset": 1, "timestep_spacing": "trailing", "trained_betas": None, "use_karras_sigmas": False},
    "sdxl": {"_class_name": "EulerDiscreteScheduler", **SCALED, "clip_sample": False, "interpolation_type": "linear",
             "prediction_type": "epsilon", "sample_max_value": 1.0, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1,
             "timestep_spacing": "leading", "trained_betas": None, "use_karras_sigmas": False},
    "sdxl-turbo": {"_class_name": "EulerAncestralDiscreteScheduler", **SCALED, "clip_sample": False, "interpolation_type": "linear",
                   "prediction_type": "epsilon", "sample_max_value": 1.0, "set_alpha_to_one": False, "skip_prk_steps": True,
                   "steps_offset": 1, "timestep_spacing": "trailing", "trained_betas": None, "use_karras_sigmas": False},
    "lcm": {"_class_name": "LCMScheduler", **SCALED, "clip_sample": False, "clip_sample_range": 1.0, "dynamic_thresholding_ratio": 0.995,
            "original_inference_steps": 50, "prediction_type": "epsilon", "rescale_betas_zero_snr": False, "sample_max_value": 1.0,
            "set_alpha_to_one": True, "steps_offset": 0, "thresholding": False, "timestep_scaling": 10.0, "timestep_spacing": "leading",
            "trained_betas": None},
    "sd3": {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0},
    "flux-schnell": {"_class_name": "FlowMatchEulerDiscreteScheduler", "base_image_seq_len": 256, "base_shift": 0.5,
                     "max_image_seq_len": 4096, "max_shift": 1.15, "num_train_timesteps": 1000, "shift": 1.0, "use_dynamic_shifting": False},
    "flux-dev": {"_class_name": "FlowMatchEulerDiscreteScheduler", "base_image_seq_len": 256, "base_shift": 0.5,
                 "max_image_seq_len": 4096, "max_shift": 1.15, "num_train_timesteps": 1000, "shift": 3.0, "use_dynamic_shifting": True},
}
PUBLISHED["lightning"] = {**PUBLISHED["sdxl"], "timestep_spacing": "trailing"}
PUBLISHED["lightning-1"] = {**PUBLISHED["lightning"], "prediction_type": "sample"}
PUBLISHED["hyper"] = {**PUBLISHED["sd15-ddim"], "timestep_spacing": "trailing"}
PUBLISHED["zero-snr"] = {**PUBLISHED["sdxl"], "prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
PUBLISHED["cosxl"] = {**PUBLISHED["sdxl"], "prediction_type": "v_prediction", "timestep_type": "continuous", "sigma_min": 0.002,
                      "sigma_max": 120.0, "final_sigmas_type": "zero"}

SHORT = {"DDIMScheduler": "ddim", "PNDMScheduler": "pndm", "EulerDiscreteScheduler": "euler", "EulerAncestralDiscreteScheduler": "euler-a",
         "DPMSolverMultistepScheduler": "dpm", "UniPCMultistepScheduler": "unipc", "LCMScheduler": "lcm", "HeunDiscreteScheduler": "heun",
         "FlowMatchEulerDiscreteScheduler": "flow", "DDPMScheduler": "ddpm"}
CLASSES = {short: kind for kind, short in SHORT.items()}


@dataclass
class Case:
    name: str
    kind: str
    config: Config
    steps: int
    sigmas: list[float] | None = None
    timesteps: list[int] | None = None
    mu: float | None = None
    eta: float | None = None
    seed: int = 11
    strength: float | None = None
    denoising_start: float | None = None
    denoising_end: float | None = None


def case(kind: str, about: str, steps: int, config: Config, **more: Any) -> Case:
    return Case(f"{kind}/{about}/{steps}", CLASSES[kind], config, steps, **more)


def published() -> Iterator[Case]:
    """Each model with its own scheduler, and with those people choose instead."""
    runs = {"sd15": (1, 2, 3, 4, 5, 8, 20, 50), "sd15-ddim": (20, 50), "sd21": (1, 4, 12, 50), "sd-turbo": (1, 2, 3, 4), "sdxl": (4, 20, 25),
            "sdxl-turbo": (1, 2, 4), "lcm": (1, 2, 4, 8), "sd3": (1, 4, 20, 25), "flux-schnell": (1, 2, 4), "lightning": (1, 2, 4, 8),
            "lightning-1": (1,), "hyper": (1, 2, 4, 8), "zero-snr": (4, 12, 25), "cosxl": (5, 20)}
    for name, steps in runs.items():
        for count in steps:
            yield case(SHORT[PUBLISHED[name]["_class_name"]], f"published-{name}", count, PUBLISHED[name])
    for name in ("sd15", "sd21", "sdxl"):
        for kind in ("ddim", "pndm", "euler", "euler-a", "dpm", "unipc", "lcm", "heun", "ddpm"):
            yield case(kind, f"of-{name}", 8, PUBLISHED[name])
    for kind in ("dpm", "unipc", "euler", "heun"):
        for steps in (5, 20):
            yield case(kind, "of-sdxl-karras", steps, {**PUBLISHED["sdxl"], "use_karras_sigmas": True})
    for steps in (8, 25):
        yield case("dpm", "of-sd15-sde-karras", steps, {**PUBLISHED["sd15"], "use_karras_sigmas": True, "algorithm_type": "sde-dpmsolver++"})


def spacings() -> Iterator[Case]:
    """Spacing, offset and prediction type, which meet in every scheduler."""
    for kind in ("ddim", "pndm", "euler", "euler-a", "dpm", "unipc", "lcm", "heun"):
        for spacing, prediction, offset, steps in [("leading", "v_prediction", 0, 5), ("trailing", "epsilon", 0, 12), ("linspace", "sample", 1, 4),
                                                   ("linspace", "v_prediction", 0, 3), ("trailing", "sample", 1, 7)]:
            if kind == "pndm":
                prediction = {"sample": "epsilon"}.get(prediction, prediction)
            yield case(kind, f"{spacing}-{prediction}-{offset}", steps,
                       {**SCALED, "timestep_spacing": spacing, "prediction_type": prediction, "steps_offset": offset, "clip_sample": False})
        for about, config in {"linear": {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"},
                              "cosine": {"beta_schedule": "squaredcos_cap_v2"},
                              "trained": {"trained_betas": [0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.5, 0.6], "num_train_timesteps": 8}}.items():
            yield case(kind, about, 4, {**config, "clip_sample": False})
        if kind not in ("pndm", "heun"):
            for spacing, prediction in (("trailing", "v_prediction"), ("leading", "v_prediction"), ("linspace", "epsilon")):
                config = {**SCALED, "rescale_betas_zero_snr": True, "timestep_spacing": spacing, "prediction_type": prediction, "clip_sample": False}
                yield case(kind, f"zero-snr-{spacing}-{prediction}", 6, config)


def own_options() -> Iterator[Case]:
    for kind in ("ddim", "lcm", "ddpm"):
        yield case(kind, "clip", 5, {**SCALED, "clip_sample": True})
        yield case(kind, "clip-range", 5, {**SCALED, "clip_sample": True, "clip_sample_range": 0.6})
    yield case("ddim", "clip-v", 5, {**SCALED, "clip_sample": True, "prediction_type": "v_prediction"})
    yield case("heun", "clip-range", 5, {**SCALED, "clip_sample": True, "clip_sample_range": 0.6, "prediction_type": "epsilon"})
    for kind in ("ddim", "dpm", "unipc", "lcm", "ddpm"):
        dynamic = {**SCALED, "thresholding": True, "clip_sample": False}
        yield case(kind, "thresholding", 5, dynamic)
        yield case(kind, "thresholding-wide", 5, {**dynamic, "dynamic_thresholding_ratio": 0.8, "sample_max_value": 3.0})
    for eta in (0.5, 1.0):
        yield case("ddim", f"eta-{eta}", 6, PUBLISHED["sd15-ddim"], eta=eta)
    yield case("ddim", "alpha-to-one", 6, {**SCALED, "set_alpha_to_one": True, "clip_sample": False})
    yield case("ddim", "few-trained", 33, {**SCALED, "num_train_timesteps": 100, "clip_sample": False})
    yield case("ddim", "defaults", 10, {})
    yield case("pndm", "prk", 4, {**SCALED, "skip_prk_steps": False})
    yield case("pndm", "prk", 12, {**SCALED, "skip_prk_steps": False, "steps_offset": 1})
    yield case("pndm", "prk", 1, {**SCALED, "skip_prk_steps": False})
    yield case("pndm", "prk-v", 8, {**SCALED, "skip_prk_steps": False, "prediction_type": "v_prediction"})
    yield case("pndm", "alpha-to-one", 12, {**PUBLISHED["sd15"], "set_alpha_to_one": True})
    for prediction in ("epsilon", "v_prediction"):
        for sigmas in ("karras", "exponential", "beta"):
            for kind in ("euler", "dpm", "unipc", "heun"):
                yield case(kind, f"{sigmas}-{prediction}", 6, {**SCALED, f"use_{sigmas}_sigmas": True, "prediction_type": prediction})
    yield case("euler", "karras-range", 8, {**SCALED, "use_karras_sigmas": True, "sigma_min": 0.03, "sigma_max": 14.6})
    yield case("euler", "log-linear", 6, {**SCALED, "interpolation_type": "log_linear"})
    yield case("euler", "sigma-min", 5, {**SCALED, "final_sigmas_type": "sigma_min"})
    yield case("euler", "continuous-karras", 6, {**SCALED, "timestep_type": "continuous", "prediction_type": "v_prediction",
                                                 "use_karras_sigmas": True, "sigma_min": 0.002, "sigma_max": 700.0})
    yield case("euler", "timesteps", 4, PUBLISHED["lightning"], timesteps=[999, 800, 400, 100])
    yield case("euler", "sigmas", 4, PUBLISHED["sdxl"], sigmas=[14.6, 5.0, 1.5, 0.3, 0.0])
    yield case("lcm", "original-20", 4, {**PUBLISHED["lcm"], "original_inference_steps": 20})
    yield case("lcm", "original-100", 8, {**PUBLISHED["lcm"], "original_inference_steps": 100, "timestep_scaling": 1.0})
    yield case("lcm", "not-to-one", 4, {**PUBLISHED["lcm"], "set_alpha_to_one": False})
    yield case("lcm", "timesteps", 4, PUBLISHED["lcm"], timesteps=[999, 759, 499, 259])


def solvers() -> Iterator[Case]:
    for order in (1, 2, 3):
        for solver in ("midpoint", "heun"):
            for algorithm in ("dpmsolver++", "sde-dpmsolver++"):
                yield case("dpm", f"{algorithm}-{order}-{solver}", 9, {**SCALED, "solver_order": order, "solver_type": solver,
                                                                      "algorithm_type": algorithm})
        for solver in ("bh1", "bh2"):
            yield case("unipc", f"{solver}-{order}", 9, {**SCALED, "solver_order": order, "solver_type": solver})
            yield case("unipc", f"{solver}-{order}-sigma-min", 9, {**SCALED, "solver_order": order, "solver_type": solver,
                                                                  "final_sigmas_type": "sigma_min"})
            yield case("unipc", f"{solver}-{order}-noise", 9, {**SCALED, "solver_order": order, "solver_type": solver, "predict_x0": False,
                                                              "final_sigmas_type": "sigma_min"})
        for steps in (1, 2, 3, 5):
            yield case("dpm", f"few-{order}", steps, {**SCALED, "solver_order": order})
            yield case("unipc", f"few-{order}", steps, {**SCALED, "solver_order": order})
    for algorithm in ("dpmsolver", "sde-dpmsolver"):
        for order in (1, 2, 3):
            yield case("dpm", f"{algorithm}-{order}", 9, {**SCALED, "algorithm_type": algorithm, "solver_order": order,
                                                         "final_sigmas_type": "sigma_min"})
    yield case("dpm", "dpmsolver-zero", 9, {**SCALED, "algorithm_type": "dpmsolver"})
    yield case("dpm", "high-order-final", 9, {**SCALED, "lower_order_final": False, "final_sigmas_type": "sigma_min"})
    yield case("dpm", "high-order-final-zero", 9, {**SCALED, "lower_order_final": False})
    yield case("dpm", "euler-at-final", 9, {**SCALED, "euler_at_final": True})
    yield case("dpm", "euler-at-final-3", 20, {**SCALED, "euler_at_final": True, "solver_order": 3})
    yield case("dpm", "sigma-min", 9, {**SCALED, "final_sigmas_type": "sigma_min"})
    yield case("dpm", "lu", 9, {**SCALED, "use_lu_lambdas": True})
    yield case("dpm", "lu-sde-3", 12, {**SCALED, "use_lu_lambdas": True, "algorithm_type": "sde-dpmsolver++", "solver_order": 3})
    yield case("dpm", "lambda-clipped", 9, {"beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -5.1})
    yield case("dpm", "karras-cosine", 9, {"beta_schedule": "squaredcos_cap_v2", "use_karras_sigmas": True, "lambda_min_clipped": -5.1})
    yield case("dpm", "timesteps", 4, SCALED, timesteps=[999, 700, 350, 50])
    yield case("dpm", "learned", 5, {**SCALED, "variance_type": "learned_range"})
    yield case("unipc", "high-order-final", 9, {**SCALED, "lower_order_final": False, "solver_order": 3, "final_sigmas_type": "sigma_min"})
    yield case("unipc", "corrector-off", 9, {**SCALED, "disable_corrector": [0, 1, 2]})
    yield case("unipc", "sigma-min", 9, {**SCALED, "final_sigmas_type": "sigma_min"})
    yield case("unipc", "solver-type-of-dpm", 5, {**SCALED, "solver_type": "midpoint"})
    for kind in ("dpm", "unipc"):
        flow = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
        for shift, steps in ((1.0, 4), (3.0, 8), (5.0, 20)):
            yield case(kind, f"flow-{shift}", steps, {**flow, "flow_shift": shift})
        yield case(kind, "flow-3-order", 8, {**flow, "flow_shift": 3.0, "solver_order": 3})
        yield case(kind, "flow-karras", 8, {**flow, "flow_shift": 3.0, "use_karras_sigmas": True})
        yield case(kind, "flow-mu", 6, {**flow, "use_dynamic_shifting": True}, mu=0.9)


def flows() -> Iterator[Case]:
    dev = PUBLISHED["flux-dev"]
    for tokens, steps in ((256, 4), (1024, 8), (4096, 20), (3600, 5), (64, 3)):
        slope = (dev["max_shift"] - dev["base_shift"]) / (dev["max_image_seq_len"] - dev["base_image_seq_len"])
        mu = tokens * slope + (dev["base_shift"] - slope * dev["base_image_seq_len"])
        sigmas = [1.0 + k * (1 / steps - 1.0) / max(steps - 1, 1) for k in range(steps)]
        yield case("flow", f"published-flux-dev-{tokens}", steps, dev, sigmas=sigmas, mu=mu)
    yield case("flow", "published-flux-schnell-sigmas", 4, PUBLISHED["flux-schnell"], sigmas=[1.0, 0.75, 0.5, 0.25])
    yield case("flow", "sigmas-shifted", 4, PUBLISHED["sd3"], sigmas=[1.0, 0.75, 0.5, 0.25])
    yield case("flow", "linear-shift", 6, {**dev, "time_shift_type": "linear"}, mu=1.8)
    yield case("flow", "exponential-shift", 6, dev, mu=0.7)
    yield case("flow", "mu-missing", 6, dev)
    yield case("flow", "terminal", 6, {**PUBLISHED["sd3"], "shift_terminal": 0.1})
    yield case("flow", "terminal-dynamic", 8, {**dev, "shift_terminal": 0.02}, mu=0.8)
    yield case("flow", "inverted", 6, {**PUBLISHED["sd3"], "invert_sigmas": True})
    yield case("flow", "stochastic", 5, {**PUBLISHED["sd3"], "stochastic_sampling": True})
    yield case("flow", "stochastic", 1, {**PUBLISHED["sd3"], "stochastic_sampling": True})
    yield case("flow", "few-trained", 6, {"num_train_timesteps": 100, "shift": 2.0})
    yield case("flow", "defaults", 10, {})
    for sigmas in ("karras", "exponential", "beta"):
        yield case("flow", sigmas, 6, {**PUBLISHED["sd3"], f"use_{sigmas}_sigmas": True})
        yield case("flow", f"{sigmas}-dynamic", 5, {**dev, f"use_{sigmas}_sigmas": True}, mu=0.9)


def partial() -> Iterator[Case]:
    """Image to image, and the hand-off of SDXL's two models."""
    for kind, config in (("ddim", PUBLISHED["sd15-ddim"]), ("pndm", PUBLISHED["sd15"]), ("euler", PUBLISHED["sdxl"]), ("euler-a", PUBLISHED["sdxl"]),
                         ("dpm", PUBLISHED["sd15"]), ("unipc", PUBLISHED["sd15"]), ("lcm", PUBLISHED["lcm"]), ("heun", PUBLISHED["sdxl"]),
                         ("flow", PUBLISHED["sd3"])):
        for strength, steps in ((0.3, 10), (0.75, 8), (1.0, 5)):
            yield case(kind, f"strength-{strength}", steps, config, strength=strength)
        yield case(kind, "strength-nothing", 4, config, strength=0.1)
        if kind not in ("pndm", "lcm", "flow"):
            yield case(kind, "start-0.8", 10, config, denoising_start=0.8)
        if kind not in ("lcm", "flow"):
            yield case(kind, "end-0.8", 10, config, denoising_end=0.8)
    yield case("dpm", "strength-karras", 10, {**PUBLISHED["sd15"], "use_karras_sigmas": True}, strength=0.5)
    yield case("euler", "strength-trailing", 4, PUBLISHED["sd-turbo"], strength=0.5)
    yield case("euler", "end-0.55", 25, PUBLISHED["sdxl"], denoising_end=0.55)
    yield case("euler", "start-0.55", 25, PUBLISHED["sdxl"], denoising_start=0.55)


def refused() -> Iterator[Case]:
    for kind in CLASSES:
        if kind != "flow":
            yield case(kind, "wrong-betas", 4, {"beta_schedule": "sine"})
            yield case(kind, "wrong-spacing", 4, {**SCALED, "timestep_spacing": "even"})
            yield case(kind, "wrong-prediction", 4, {**SCALED, "prediction_type": "score"})
    for kind in ("ddim", "pndm", "euler", "lcm"):
        yield case(kind, "too-many", 1001, SCALED)
    for kind in ("euler", "dpm", "unipc", "heun", "flow"):
        yield case(kind, "two-spacings", 4, {"use_karras_sigmas": True, "use_beta_sigmas": True})
    yield case("euler", "wrong-final", 4, {**SCALED, "final_sigmas_type": "one"})
    yield case("euler", "wrong-interpolation", 4, {**SCALED, "interpolation_type": "cubic"})
    yield case("dpm", "wrong-algorithm", 4, {**SCALED, "algorithm_type": "dpm"})
    yield case("dpm", "wrong-solver", 4, {**SCALED, "solver_type": "euler"})
    yield case("dpm", "bh2-of-unipc", 4, {**SCALED, "solver_type": "bh2"})
    yield case("dpm", "logrho", 4, {**SCALED, "solver_type": "logrho"})
    yield case("dpm", "wrong-final", 4, {**SCALED, "final_sigmas_type": "one"})
    yield case("unipc", "wrong-solver", 4, {**SCALED, "solver_type": "bh3"})
    yield case("unipc", "terminal-without-flow", 4, {**SCALED, "shift_terminal": 0.1})
    yield case("flow", "wrong-shift-type", 4, {"time_shift_type": "cubic"})
    yield case("lcm", "more-than-original", 60, PUBLISHED["lcm"])


def cases() -> list[Case]:
    return [c for group in (published, spacings, own_options, solvers, flows, partial, refused) for c in group()]
