"""Networks in 16 bits, with 32 where 16 do not suffice."""

from typing import Any

import torch
from contracts.tracing import Wrapped
from torch.nn import functional

# Places, times and sizes are too large for 11 bits of precision; networks cast what they make of them.
EXACT = {"timestep", "img_ids", "txt_ids", "time_ids", "guidance"}


def halved(module: torch.nn.Module) -> torch.nn.Module:
    """In place: weights and arithmetic in float16, normalisations in float32, as is what transformers keeps so (T5's last projections)."""
    kept = getattr(module, "_keep_in_fp32_modules", None) or ()
    module.half()
    for name, parameter in module.named_parameters():
        if set(name.split(".")) & set(kept):
            parameter.data = parameter.data.float()
    for layer in module.modules():
        if isinstance(layer, (torch.nn.GroupNorm, torch.nn.LayerNorm, torch.nn.RMSNorm)):
            layer.forward = _in_full(layer)  # type: ignore[method-assign]
    return module


def _in_full(layer: Any) -> Any:
    def whole(tensor: torch.Tensor | None) -> torch.Tensor | None:
        return None if tensor is None else tensor.float()

    def forward(x: torch.Tensor) -> torch.Tensor:
        if isinstance(layer, torch.nn.GroupNorm):
            normed = functional.group_norm(x.float(), layer.num_groups, whole(layer.weight), whole(layer.bias), layer.eps)
        elif isinstance(layer, torch.nn.LayerNorm):
            normed = functional.layer_norm(x.float(), layer.normalized_shape, whole(layer.weight), whole(layer.bias), layer.eps)
        else:
            normed = functional.rms_norm(x.float(), layer.normalized_shape, whole(layer.weight), layer.eps)
        return normed.to(x.dtype)

    return forward


class Outside32(Wrapped):
    """Takes and gives float32, whatever it reckons in."""

    def __init__(self, module: torch.nn.Module, call: Any, names: list[str], dtype: torch.dtype) -> None:
        super().__init__(module, call)
        self.names, self.dtype = names, dtype

    def forward(self, *inputs: torch.Tensor) -> Any:
        given = [tensor.to(self.dtype) if tensor.is_floating_point() and name not in EXACT else tensor
                 for name, tensor in zip(self.names, inputs, strict=True)]
        answer = self.call(self.module, *given)
        return tuple(out.float() for out in answer) if isinstance(answer, tuple) else answer.float()
