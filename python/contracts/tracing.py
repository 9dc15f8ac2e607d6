"""What the exporters need to trace networks of diffusers, and how far off the answer is."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.onnx import symbolic_helper


def _rms_norm(g: Any, x: Any, _shape: Any, weight: Any, eps: Any) -> Any:
    """The exporter that traces lacks this one; FLUX has it."""
    value = symbolic_helper._maybe_get_const(eps, "f")
    value = value if isinstance(value, float) else torch.finfo(torch.float32).eps
    power = g.op("Mul", x, x)
    if symbolic_helper.GLOBALS.export_onnx_opset_version < 18:
        mean = g.op("ReduceMean", power, axes_i=[-1], keepdims_i=1)
    else:
        mean = g.op("ReduceMean", power, g.op("Constant", value_t=torch.tensor([-1])), keepdims_i=1)
    root = g.op("Sqrt", g.op("Add", mean, g.op("Constant", value_t=torch.tensor(value))))
    normed = g.op("Div", x, root)
    return normed if symbolic_helper._is_none(weight) else g.op("Mul", normed, weight)


torch.onnx.register_custom_op_symbolic("aten::rms_norm", _rms_norm, 17)


def _rotate(x: torch.Tensor, turns: tuple[torch.Tensor, torch.Tensor], sequence_dim: int) -> torch.Tensor:
    """As diffusers does it, without the reshape to `x.shape[:-1]`, of which the exporter makes a constant."""
    cos, sin = (turn[None, :, None, :] for turn in turns)
    assert sequence_dim == 1
    turned = torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).flatten(3)
    return (x.float() * cos + turned.float() * sin).to(x.dtype)


@contextmanager
def traceable() -> Iterator[None]:
    """diffusers, but for what cannot be traced for all sizes."""
    with mock.patch("diffusers.models.transformers.transformer_flux.apply_rotary_emb", _rotate):
        yield


class Wrapped(torch.nn.Module):
    """Positional tensors in, tensors out."""

    def __init__(self, module: torch.nn.Module, call: Callable[..., Any]) -> None:
        super().__init__()
        self.module, self.call = module, call

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.call(self.module, *inputs)


def error(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> float:
    """The largest difference by the largest value, or by 1 where that is less; infinite where something is not finite."""
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape or not np.isfinite(a).all() or not np.isfinite(b).all():
            return float("inf")
        a, b = a.astype(np.float32), b.astype(np.float32)
        worst = max(worst, float(np.abs(a - b).max()) / max(1.0, float(np.abs(b).max())))
    return worst


def write_config(folder: Path, module: Any) -> None:
    config = module.config.to_diff_dict() if hasattr(module.config, "to_diff_dict") else dict(module.config)
    config = {key: value for key, value in config.items() if not key.startswith("_") or key == "_class_name"}
    config.setdefault("_class_name", type(module).__name__)
    (folder / "config.json").write_text(json.dumps(config, default=str, indent=1, sort_keys=True) + "\n")
