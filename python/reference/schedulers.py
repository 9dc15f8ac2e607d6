"""Whole denoising runs of each scheduler of diffusers with a denoiser that is one line of arithmetic."""

import logging
from types import SimpleNamespace
from typing import Any
from unittest import mock

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionXLImg2ImgPipeline
from diffusers.utils.torch_utils import randn_tensor

from arrays import FIXTURES, Arrays, write
from scheduler_cases import Case, cases

SHAPE = (1, 4, 6, 5)
FACTOR = 0.3125
COEFFICIENTS = [0.5, -0.25, 0.125, 0.375, -0.5, 0.0625, 0.25]

KEYS = ("name", "class", "config", "raises", "steps", "sigmas", "timesteps_given", "mu", "eta", "seed", "strength", "denoising_start",
        "denoising_end", "timesteps", "sigmas_made", "init_noise_sigma", "calls", "start", "image", "noise", "scaled", "latents", "drawn")


def part_of_schedule(case: Case, scheduler: Any) -> torch.Tensor:
    """The timesteps that are run: diffusers' own methods decide, on a pipeline that has nothing but a scheduler."""
    pipe = SimpleNamespace(scheduler=scheduler)
    if case.denoising_start is not None:
        return StableDiffusionXLImg2ImgPipeline.get_timesteps(pipe, case.steps, 0.3, "cpu", case.denoising_start)[0]
    if case.strength is not None:
        return StableDiffusionImg2ImgPipeline.get_timesteps(pipe, case.steps, case.strength, "cpu")[0]
    if case.denoising_end is not None:
        total = scheduler.config.num_train_timesteps
        cutoff = int(round(total - case.denoising_end * total))
        return scheduler.timesteps[: sum(bool(t >= cutoff) for t in scheduler.timesteps)]
    return scheduler.timesteps


def run(case: Case, noise: torch.Tensor, image: torch.Tensor, pattern: torch.Tensor, values: Arrays) -> dict[str, Any]:
    kind = getattr(diffusers, case.kind)
    drawn: list[torch.Tensor] = []

    def draw(*args: Any, **kwargs: Any) -> torch.Tensor:
        drawn.append(randn_tensor(*args, **kwargs))
        return drawn[-1]

    scheduler = kind.from_config(case.config)
    given = {"sigmas": case.sigmas, "timesteps": case.timesteps, "mu": case.mu}
    given = {name: value for name, value in given.items() if value is not None}
    if "sigmas" in given or "timesteps" in given:
        scheduler.set_timesteps(**given)
    else:
        scheduler.set_timesteps(case.steps, **given)
    init = scheduler.init_noise_sigma if hasattr(scheduler, "init_noise_sigma") else 1.0
    whole = scheduler.timesteps.clone()
    timesteps = part_of_schedule(case, scheduler)
    if len(timesteps) == 0:
        raise ValueError("nothing is left of the schedule")
    if case.strength is not None:
        flows = hasattr(scheduler, "scale_noise")
        first = timesteps[:1]
        latents = scheduler.scale_noise(image, first, noise) if flows else scheduler.add_noise(image, noise, first)
    elif case.denoising_start is not None:
        latents = image
    else:
        latents = noise * init
    extra: dict[str, Any] = {} if case.eta is None else {"eta": case.eta}
    if "generator" in kind.step.__code__.co_varnames:
        extra["generator"] = torch.Generator("cpu").manual_seed(case.seed)
    start, scaled, after = latents, [], []
    with mock.patch(f"{kind.__module__}.randn_tensor", draw, create=True):
        for k, t in enumerate(timesteps):
            shown = scheduler.scale_model_input(latents, t) if hasattr(scheduler, "scale_model_input") else latents
            predicted = FACTOR * shown + COEFFICIENTS[k % len(COEFFICIENTS)] * pattern
            latents = scheduler.step(predicted, t, latents, return_dict=False, **extra)[0]
            scaled.append(shown)
            after.append(latents)
    if not torch.isfinite(torch.stack(after)).all():
        raise ArithmeticError("the latents are not finite")
    if any(before is not shown for before, shown in zip([start, *after], scaled)):
        told_scaled = values.add(torch.stack(scaled))
    else:
        told_scaled = None
    return {
        "timesteps": whole.double().tolist(), "init_noise_sigma": float(init), "calls": timesteps.double().tolist(),
        "sigmas_made": scheduler.sigmas.double().tolist() if hasattr(scheduler, "sigmas") else None,
        "start": values.add(start), "scaled": told_scaled, "latents": values.add(torch.stack(after)),
        "image": values.add(image) if case.strength is not None else None,
        "noise": values.add(noise) if case.strength is not None else None,
        "drawn": values.add(torch.stack(drawn)) if drawn else None,
    }


def main() -> None:
    logging.getLogger("diffusers").setLevel(logging.ERROR)
    folder = FIXTURES / "schedulers"
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(4)
    pattern, noise, image = (torch.randn(SHAPE, generator=generator) for _ in range(3))
    values, told, refused = Arrays(np.float32), [], []
    head = {"pattern": values.add(pattern), "factor": FACTOR, "coefficients": COEFFICIENTS}
    for case in cases():
        line: dict[str, Any] = dict.fromkeys(KEYS)
        line |= {"name": case.name, "class": case.kind, "config": case.config, "steps": case.steps, "sigmas": case.sigmas,
                 "timesteps_given": case.timesteps, "mu": case.mu, "eta": case.eta, "seed": case.seed, "strength": case.strength,
                 "denoising_start": case.denoising_start, "denoising_end": case.denoising_end}
        try:
            line |= run(case, noise, image, pattern, values)
        except Exception as error:  # whatever diffusers raises is what a user sees
            line["raises"] = f"{type(error).__name__}: {error}"
            refused.append(f"{case.name}: {line['raises'][:150]}")
        told.append(line)
    assert len({line["name"] for line in told}) == len(told), "a name stands for two cases"
    write(folder / "cases.json", head, told)
    values.save(folder / "values.npy")
    print(len(told), "cases,", len(refused), "refused,", values.length * 4 // 1024, "KiB")
    print("\n".join(refused))


if __name__ == "__main__":
    main()
