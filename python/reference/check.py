"""Draws the cases of `pictures` again with the ONNX denoisers in place of torch's, and says how far the latents are off.

    python python/reference/check.py [BEGINNING OF A NAME ...]
"""

import json
import logging
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

os.environ["ATEN_CPU_CAPABILITY"] = "avx2"
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import onnxruntime
import torch

import picture_cases
import pictures
import pipelines
from arrays import FIXTURES
from models import PARTS, TABLE

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int64)": np.int64}


def session(part: str) -> Callable[[dict[str, Any]], dict[str, torch.Tensor]]:
    loaded = onnxruntime.InferenceSession(str(PARTS / part / "model.onnx"), providers=["CPUExecutionProvider"])

    def run(given: dict[str, Any]) -> dict[str, torch.Tensor]:
        feed = {}
        for put in loaded.get_inputs():
            value = given[put.name]
            array = (value.numpy() if isinstance(value, torch.Tensor) else np.asarray(value)).astype(TYPES[put.type])
            feed[put.name] = array.reshape(()) if put.shape == [] else array
        answers = loaded.run(None, feed)
        return {out.name: torch.from_numpy(array.astype(np.float32)) for out, array in zip(loaded.get_outputs(), answers, strict=True)}

    return run


def replace_denoiser(pipe: Any, model: str) -> None:
    """The networks are shared by all pipelines: a new `forward` is set for this one and taken away again by `restore`."""
    parts = TABLE[model][4]
    if "unet" in parts:
        run = session(parts["unet"])

        def unet(sample: torch.Tensor, timestep: Any, encoder_hidden_states: torch.Tensor, added_cond_kwargs: dict[str, Any] | None = None,
                 **more: Any) -> tuple[torch.Tensor]:
            given = {"sample": sample, "timestep": timestep, "encoder_hidden_states": encoder_hidden_states, **more, **(added_cond_kwargs or {})}
            return (run(given)["out_sample"],)

        pipe.unet.forward = unet
    else:
        run = session(parts["transformer"])
        pipe.transformer.forward = lambda **given: (run(given)["out_hidden_states"],)


def restore(pipe: Any) -> None:
    for part in ("unet", "transformer"):
        if hasattr(pipe, part):
            del getattr(pipe, part).forward


def main() -> None:
    warnings.simplefilter("ignore")
    for library in ("diffusers", "transformers"):
        logging.getLogger(library).setLevel(logging.ERROR)
    told = {case["name"]: case for case in json.loads((FIXTURES / "pictures/cases.json").read_text())}
    values = np.load(FIXTURES / "pictures/values.npy")
    read = lambda where: values[where["at"] :][: int(np.prod(where["shape"]))].reshape(where["shape"])
    worst: dict[str, tuple[float, str]] = {}
    for case in picture_cases.cases():
        if sys.argv[1:] and not case["name"].startswith(tuple(sys.argv[1:])):
            continue
        golden = told[case["name"]]
        pipe = pipelines.pipe(case["model"], case["pipeline"], case["scheduler"], case["scheduler_options"])
        handed = torch.from_numpy(read(golden["init_latents"]).copy()) if case["after"] else None
        replace_denoiser(pipe, case["model"])
        try:
            final = pictures.draw(pipe, case, handed, "latent")
        finally:
            restore(pipe)
        theirs = read(golden["final"])
        off = float(np.abs(final.numpy() - theirs).max() / np.abs(theirs).max())
        worst[case["model"]] = max(worst.get(case["model"], (0.0, "")), (off, case["name"]))
        if off > (1e-2 if "fp16" in case["model"] else 1e-4):
            sys.exit(f"{case['name']} is off by {off:e}")
    for model, (off, name) in worst.items():
        print(f"{model:16} {off:.1e} {name}")


if __name__ == "__main__":
    main()
