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


def run(case: dict[str, Any], values: Arrays, pixels: Arrays, finals: dict[str, torch.Tensor]) -> dict[str, Any]:
    pipe = pipelines.pipe(case["model"], case["pipeline"], case["scheduler"], case["scheduler_options"])
    flux, width, height = "Flux" in case["pipeline"], case["width"], case["height"]
    taken = inspect.signature(type(pipe).__call__).parameters
    given: dict[str, Any] = {CALL.get(key, key): case[key] for key in (*PLAIN, *CALL) if case[key] is not None}
    told = {key: value for key, value in case.items() if key not in KEPT_OUT}
    if case["init_image"]:
        picture = init_image(width, height)
        given["image"], told["init_image"] = PIL.Image.fromarray(picture), pixels.add(picture)
    if case["after"]:
        given["image"] = finals[case["after"]]
        told["init_latents"] = values.add(given["image"])
    if case["latents"]:
        channels = 16 if flux or "StableDiffusion3" in case["pipeline"] else 4
        noise = torch.randn(1, channels, height // 8, width // 8, generator=torch.Generator().manual_seed(99))
        told["latents"] = values.add(noise)
        given["latents"] = pipelines.packed(noise) if flux else noise
    unknown = {key: value for key, value in given.items() if key not in taken}
    assert set(unknown) <= {"width", "height"}, unknown
    given = {key: value for key, value in given.items() if key in taken}
    draw = lambda kind: pipe(**given, generator=torch.Generator("cpu").manual_seed(case["seed"]), output_type=kind).images
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        latents = draw("latent")
        final = pipelines.unpacked(latents, height, width) if flux else latents
        if case["picture"]:
            told["picture"] = pixels.add((draw("np") * 255).round().astype(np.uint8))
        else:
            told["picture"] = None
    assert final.shape == (case["count"], final.shape[1], height // 8, width // 8), final.shape
    finals[case["name"]] = final
    told["final"] = values.add(final.contiguous())
    spread = "" if told["picture"] is None else f" picture {pixels.parts[-1].std():.0f}"
    print(f"{case['name']:40} largest {float(final.abs().max()):8.2f} spread {float(final.std()):6.2f}{spread}", flush=True)
    return told


def main() -> None:
    logging.getLogger("diffusers").setLevel(logging.ERROR)
    logging.getLogger("transformers").setLevel(logging.ERROR)
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
