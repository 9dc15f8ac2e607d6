"""Export the trained upscaler to ONNX and check it against torch.

    python export_upscaler.py --model DIR/run --out ../../assets/models/pocket-upscaler
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, nn

from export import halve, store_half
from upscaler import SCALE, Upscaler


class Clamped(nn.Module):
    """The upscaler as a graph: no colour is brighter than white or darker than black."""

    def __init__(self, model: Upscaler) -> None:
        super().__init__()
        self.model = halve(model)

    def forward(self, small: Tensor) -> Tensor:
        return self.model(small).clamp(0, 1)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--model", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    a = args.parse_args()
    torch.manual_seed(1)
    state = torch.load(a.model / "upscaler.pt", weights_only=True)
    model = Upscaler()
    model.load_state_dict(state["model"])
    graph = Clamped(model).eval()
    a.out.mkdir(parents=True, exist_ok=True)
    path = a.out / "model.onnx"
    sides = {0: "batch_size", 2: "height", 3: "width"}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        axes = {"small": sides, "large": {0: "batch_size", 2: "large_height", 3: "large_width"}}
        torch.onnx.export(graph, (torch.rand(1, 3, 64, 48),), str(path), dynamo=False, opset_version=17, input_names=["small"], output_names=["large"], dynamic_axes=axes)
    store_half(path)
    config = {"scale": SCALE, "range": [0, 1], "multiple": 2, "parameters": sum(p.numel() for p in model.parameters()), "crops_seen": state["seen"]}
    (a.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for shape in ((1, 3, 64, 48), (2, 3, 90, 160)):
        small = torch.rand(shape)
        with torch.no_grad():
            worst = max(worst, float(np.abs(session.run(None, {"small": small.numpy()})[0] - graph(small).numpy()).max()))
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, at most {worst:.1e} from torch, {state['seen']} crops seen", flush=True)
    assert worst <= 1e-4


if __name__ == "__main__":
    main()
