"""ONNX files against torch: each network at two sizes, then the whole pipeline of diffusers drawn both ways."""

import gc
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import numpy as np
import onnxruntime
import torch
from contracts.networks import Inputs
from contracts.tracing import error
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from transformers.modeling_outputs import BaseModelOutput, BaseModelOutputWithPooling
from transformers.models.clip.modeling_clip import CLIPTextModelOutput

from checkpoint import TEXT, Checkpoint

# By the largest value. Weights are rounded before torch uses them: what is left is arithmetic, in float32 also with weights in bfloat16.
OF_PARTS = {"float32": 1e-4, "bfloat16": 1e-4, "float16": 2e-2}
OF_PICTURES = {"float32": 1e-3, "bfloat16": 1e-3, "float16": 5e-2}
PROMPT, NEGATIVE, STEPS = "a lighthouse by the sea at night", "blurred", 2


class Network:
    """An ONNX file that takes torch's tensors."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
        self.takes = {port.name: port for port in self.session.get_inputs()}
        self.gives = [port.name for port in self.session.get_outputs()]

    def __call__(self, given: dict[str, Any]) -> dict[str, torch.Tensor]:
        feed = {name: torch.as_tensor(given[name]).cpu() for name in self.takes}
        feed = {name: tensor.to(torch.int64 if "int64" in self.takes[name].type else torch.float32) for name, tensor in feed.items()}
        rows = max((len(tensor) for name, tensor in feed.items() if tensor.dim() and self.takes[name].shape[0] == 1), default=1)
        answers = [self.session.run(None, {name: self._row(name, tensor, row, rows).numpy() for name, tensor in feed.items()}) for row in range(rows)]
        return {name: torch.from_numpy(np.concatenate([answer[k] for answer in answers])) for k, name in enumerate(self.gives)}

    def _row(self, name: str, tensor: torch.Tensor, row: int, rows: int) -> torch.Tensor:
        """A network of a fixed size takes one row at a time; timesteps of UNets are one number."""
        shape = self.takes[name].shape
        if not shape:
            return tensor.reshape(())
        return tensor[row : row + 1] if rows > 1 and shape[0] == 1 else tensor


def off(folder: Path, tries: list[tuple[Inputs, list[np.ndarray]]]) -> list[float]:
    """The error of each try against what torch answered."""
    network = Network(folder)
    return [error([tensor.numpy() for tensor in network(given).values()], theirs) for given, theirs in tries]


@dataclass
class Drawn:
    latents: np.ndarray
    picture: np.ndarray


Loader = Callable[[str], Callable[..., Any]]


def of_torch(checkpoint: Checkpoint, dtypes: dict[str, torch.dtype]) -> Loader:
    def load(part: str) -> Callable[..., Any]:
        module = checkpoint.load(part, dtypes[part])
        return {"vae_encoder": getattr(module, "encode", None), "vae_decoder": getattr(module, "decode", None)}.get(part) or module

    return load


def of_onnx(folder: Path) -> Loader:
    """Networks that answer as those of diffusers and transformers do."""
    def load(part: str) -> Callable[..., Any]:
        network = Network(folder / part)

        def text(ids: torch.Tensor, **_: Any) -> Any:
            out = network({"input_ids": ids})
            states = tuple(out[name] for name in network.gives if name.startswith("hidden_states"))
            if "text_embeds" in out:
                return CLIPTextModelOutput(text_embeds=out["text_embeds"], last_hidden_state=out["last_hidden_state"], hidden_states=states)
            if "pooler_output" in out:
                return BaseModelOutputWithPooling(last_hidden_state=out["last_hidden_state"], pooler_output=out["pooler_output"], hidden_states=states)
            return BaseModelOutput(last_hidden_state=out["last_hidden_state"])

        def unet(sample: torch.Tensor, timestep: Any, added_cond_kwargs: dict[str, Any] | None = None, **more: Any) -> tuple[torch.Tensor]:
            return (network({"sample": sample, "timestep": timestep, **more, **(added_cond_kwargs or {})})["out_sample"],)

        def encode(sample: torch.Tensor, **_: Any) -> Any:
            out = network({"sample": sample})
            if "latent_sample" in out:
                return SimpleNamespace(latents=out["latent_sample"])
            return SimpleNamespace(latent_dist=DiagonalGaussianDistribution(out["latent_parameters"]))

        made: dict[str, Callable[..., Any]] = {
            "unet": unet, "transformer": lambda **given: (network(given)["out_hidden_states"],), "vae_encoder": encode,
            "vae_decoder": lambda latents, **_: (network({"latent_sample": latents})["sample"],)}
        return text if part in TEXT else made[part]

    return load


class OneAtATime:
    """Calls parts, of which only the last one called is in memory."""

    def __init__(self, load: Loader) -> None:
        self.load, self.part, self.network = load, "", None

    def __call__(self, part: str, *given: Any, **more: Any) -> Any:
        if part != self.part:
            self.network = None
            gc.collect()
            self.network, self.part = self.load(part), part  # type: ignore[assignment]
        return self.network(*given, **more)  # type: ignore[misc]


def draw(checkpoint: Checkpoint, small: Path, load: Loader, size: tuple[int, int]) -> Drawn:
    """The checkpoint's own pipeline, around networks without weights that hand on to `load`'s; scheduler and tokenizers are those in `small`."""
    kept: list[np.ndarray] = []
    parts = OneAtATime(load)
    pipe = _pipeline(checkpoint, small, parts, kept)
    width, height = size
    taken = inspect.signature(pipe.__call__).parameters
    given = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "width": width, "height": height, "num_inference_steps": STEPS, "output_type": "np",
             "generator": torch.Generator("cpu").manual_seed(7), "strength": 1.0,
             "image": torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(8))}
    picture = pipe(**{key: value for key, value in given.items() if key in taken}).images
    return Drawn(kept[-1], np.asarray(picture))


def _on_cpu(kind: type[Any]) -> type[Any]:
    """The class, but tensors are sent to the processor, not to where networks without weights lie."""
    here = property(lambda self: torch.device("cpu"))
    return type(kind.__name__, (kind,), {"_execution_device": here, "device": here, "__module__": kind.__module__})


def _pipeline(checkpoint: Checkpoint, small: Path, parts: OneAtATime, kept: list[np.ndarray]) -> Any:
    kind = getattr(diffusers, checkpoint.index["_class_name"])
    kind = _on_cpu(kind)
    given: dict[str, Any] = {}
    for part in checkpoint.parts:
        if part.startswith("vae"):
            continue
        given[part] = checkpoint.hollow(part)
        given[part].__class__ = _on_cpu(type(given[part]))
        given[part].forward = lambda *args, part=part, **more: parts(part, *args, **more)
    vae = given["vae"] = checkpoint.hollow("vae_decoder")
    vae.__class__ = _on_cpu(type(vae))

    def decode(latents: torch.Tensor, **more: Any) -> Any:
        kept.append(latents.numpy())
        return parts("vae_decoder", latents, return_dict=False)

    vae.decode, vae.encode = decode, lambda image, **_: parts("vae_encoder", image)
    vae.enable_slicing = vae.enable_tiling = lambda *_: None
    for name, value in checkpoint.index.items():
        if isinstance(value, list) and value[0] and (name.startswith("tokenizer") or name == "scheduler"):
            given[name] = getattr(importlib.import_module(value[0]), value[1]).from_pretrained(small / name, local_files_only=True)
        elif not isinstance(value, list) and not name.startswith("_"):
            given[name] = value
    given |= {"requires_safety_checker": False, "add_watermarker": False}
    taken = inspect.signature(kind.__init__).parameters
    missing = {name: None for name, parameter in taken.items() if name != "self" and name not in given and parameter.default is inspect.Parameter.empty}
    made = kind(**{key: value for key, value in given.items() if key in taken}, **missing)
    made.set_progress_bar_config(disable=True)
    return made
