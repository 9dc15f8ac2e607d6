"""Write the small upscaling networks that `tests/upscale` runs: each has a shape or a habit that networks in the wild have.

    python python/upscale/make_fixtures.py tests/fixtures/upscale

Needs numpy and onnx. Their weights are random, seeded, and small beside a plain enlargement, so that they keep colours as upscalers do.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

WIDTH = 8
"""Channels inside."""


class Network:
    """A network in the making: nodes and weights, and the name of what was made last."""

    def __init__(self, seed: int, half: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.type = np.float16 if half else np.float32
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        """One operator; answers the name of its output."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, values: NDArray[np.generic]) -> str:
        """A constant."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def conv(self, x: str, into: int, out: int, gain: float = 1.4, side: int = 3, **attributes: object) -> str:
        """A convolution that keeps the size unless told otherwise."""
        weights = self.rng.standard_normal((out, into, side, side)) * gain / (into * side * side) ** 0.5
        attributes.setdefault("pads", [side // 2] * 4)
        return self.add("Conv", x, self.weight(weights.astype(self.type)), kernel_shape=[side, side], **attributes)

    def body(self, x: str, layers: int, scale: int, **attributes: object) -> str:
        """Convolutions, then `scale` times as many pixels on each side."""
        x = self.add("Relu", self.conv(x, 3, WIDTH, **attributes))
        for _ in range(layers):
            x = self.add("LeakyRelu", self.conv(x, WIDTH, WIDTH, **attributes), alpha=0.1)
        x = self.conv(x, WIDTH, 3 * scale * scale, 0.06, **attributes)
        return self.add("DepthToSpace", x, blocksize=scale, mode="CRD")

    def nearest(self, x: str, scale: int) -> str:
        """Each pixel repeated."""
        scales = self.weight(np.array([1, 1, scale, scale], np.float32))
        return self.add("Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")

    def save(self, path: Path, end: str, takes: list[int | str], answers: list[int | str]) -> None:
        """Check and write."""
        self.nodes.append(helper.make_node("Identity", [end], ["large"]))
        kind = TensorProto.FLOAT16 if self.type is np.float16 else TensorProto.FLOAT
        ports = [helper.make_tensor_value_info(name, kind, dims) for name, dims in (("small", takes), ("large", answers))]
        graph = helper.make_graph(self.nodes, path.stem, [ports[0]], [ports[1]], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)


FREE: list[int | str] = [1, 3, "height", "width"]
LARGE: list[int | str] = [1, 3, "large_height", "large_width"]


def plain(path: Path, scale: int, layers: int = 3, half: bool = False, **attributes: object) -> None:
    """The kind of SRVGG: convolutions, pixel shuffle, beside the pixels repeated."""
    n = Network(scale, half)
    n.save(path, n.add("Add", n.body("small", layers, scale, **attributes), n.nearest("small", scale)), FREE, LARGE)


def fixed(path: Path, free: bool) -> None:
    """Takes only 48x40; the same network `free` of that."""
    n = Network(20)
    takes, answers = (FREE, LARGE) if free else ([1, 3, 40, 48], [1, 3, 80, 96])
    n.save(path, n.add("Add", n.body("small", 2, 2), n.nearest("small", 2)), takes, answers)


def channels_last(path: Path, white: float = 1.0) -> None:
    """Channels last, as converted from TensorFlow; with `white` 255, in those numbers."""
    n = Network(21)
    x = n.add("Transpose", "small", perm=[0, 3, 1, 2])
    if white != 1:
        x = n.add("Div", x, n.weight(np.array(white, np.float32)))
    x = n.add("Add", n.body(x, 2, 2), n.nearest(x, 2))
    if white != 1:
        x = n.add("Mul", x, n.weight(np.array(white, np.float32)))
    n.save(path, n.add("Transpose", x, perm=[0, 2, 3, 1]), [1, "height", "width", 3], [1, "large_height", "large_width", 3])


def cropping(path: Path) -> None:
    """Without padding, as waifu2x: each convolution loses a border."""
    n = Network(22)
    middle = n.add("Slice", "small", n.weight(np.array([4, 4])), n.weight(np.array([-4, -4])), n.weight(np.array([2, 3])))
    n.save(path, n.add("Add", n.body("small", 2, 2, pads=[0, 0, 0, 0]), n.nearest(middle, 2)), FREE, LARGE)


def padded(path: Path) -> None:
    """Repeats the border first, with the pads that PyTorch exports: a chain of small operators on constants."""
    n = Network(31)
    pads = n.add("Concat", n.weight(np.array([2, 2, 2, 2])), n.add("ConstantOfShape", n.weight(np.array([4])), value=numpy_helper.from_array(np.array([0]))), axis=0)
    pads = n.add("Reshape", pads, n.weight(np.array([-1, 2])))
    minus, first, last = n.weight(np.array([-1])), n.weight(np.array([0])), n.weight(np.array([-(2**63) + 1]))
    pads = n.add("Transpose", n.add("Slice", pads, minus, last, first, minus), perm=[1, 0])
    pads = n.add("Cast", n.add("Reshape", pads, minus), to=TensorProto.INT64)
    x = n.add("LeakyRelu", n.conv(n.add("Pad", "small", pads, mode="edge"), 3, WIDTH, side=5, pads=[0, 0, 0, 0]), alpha=0.1)
    x = n.add("DepthToSpace", n.conv(x, WIDTH, 12, 0.06), blocksize=2, mode="CRD")
    n.save(path, n.add("Add", x, n.nearest("small", 2)), FREE, LARGE)


def coarse(path: Path) -> None:
    """Works at a quarter of the size, so it takes only multiples of four, and moves only by those."""
    n = Network(23)
    x = n.add("LeakyRelu", n.conv("small", 3, WIDTH, side=6, strides=[4, 4], pads=[1, 1, 1, 1]), alpha=0.1)
    x = n.add("LeakyRelu", n.conv(x, WIDTH, WIDTH), alpha=0.1)
    x = n.add("DepthToSpace", n.conv(x, WIDTH, 3 * 64, 0.06), blocksize=8, mode="CRD")
    n.save(path, n.add("Add", x, n.nearest("small", 2)), FREE, LARGE)


def shuffled(path: Path) -> None:
    """Takes multiples of two, and its nodes (a reshape to six dimensions) do not tell how far it looks."""
    n = Network(24)
    shape = n.add("Shape", "small")
    sides = [n.add("Gather", shape, n.weight(np.array([axis]))) for axis in (2, 3)]
    two, channels = n.weight(np.array([2])), n.weight(np.array([1, 3]))
    halves = [n.add("Div", side, two) for side in sides]
    x = n.add("Reshape", "small", n.add("Concat", channels, halves[0], two, halves[1], two, axis=0))
    x = n.add("Transpose", x, perm=[0, 1, 3, 5, 2, 4])
    x = n.add("Reshape", x, n.add("Concat", n.weight(np.array([1, 12])), *halves, axis=0))
    x = n.add("LeakyRelu", n.conv(x, 12, WIDTH), alpha=0.1)
    x = n.add("DepthToSpace", n.conv(x, WIDTH, 3 * 16, 0.06), blocksize=4, mode="CRD")
    n.save(path, n.add("Add", x, n.nearest("small", 2)), FREE, LARGE)


def attentive(path: Path) -> None:
    """Weighs its channels by their mean over the whole picture: no tile can know it."""
    n = Network(25)
    x = n.add("Relu", n.conv("small", 3, WIDTH))
    weighed = n.add("Mul", x, n.add("Sigmoid", n.conv(n.add("GlobalAveragePool", x), WIDTH, WIDTH, side=1)))
    x = n.add("DepthToSpace", n.conv(weighed, WIDTH, 12, 0.06), blocksize=2, mode="CRD")
    n.save(path, n.add("Add", x, n.nearest("small", 2)), FREE, LARGE)


def grey(path: Path) -> None:
    """One channel."""
    n = Network(26)
    n.save(path, n.nearest("small", 2), [1, 1, "height", "width"], [1, 1, "large_height", "large_width"])


def same_size(path: Path) -> None:
    """Mends, but does not enlarge."""
    n = Network(27)
    n.save(path, n.add("Add", n.conv(n.conv("small", 3, WIDTH), WIDTH, 3, 0.1), "small"), FREE, FREE)


def darkening(path: Path) -> None:
    """Makes another colour of a plain one, in whatever numbers."""
    n = Network(28)
    n.save(path, n.add("Sub", n.nearest("small", 2), n.weight(np.array(0.5 * 255, np.float32))), FREE, LARGE)


def not_a_number(path: Path) -> None:
    """Divides nothing by nothing where the picture is white."""
    n = Network(29)
    x = n.nearest("small", 2)
    left = n.add("Sub", x, n.weight(np.array(1, np.float32)))
    n.save(path, n.add("Mul", x, n.add("Div", left, left)), FREE, LARGE)


def two_outputs(path: Path) -> None:
    """A picture and something else."""
    n = Network(30)
    x = n.nearest("small", 2)
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (("small", FREE), (x, LARGE), ("also", LARGE))]
    n.nodes.append(helper.make_node("Relu", [x], ["also"]))
    graph = helper.make_graph(n.nodes, path.stem, ports[:1], ports[1:], n.weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for scale in (2, 3, 4):
        plain(out / f"x{scale}.onnx", scale)
    plain(out / "half.onnx", 2, half=True)
    plain(out / "far.onnx", 2, layers=12, pads=[4, 4, 4, 4], dilations=[4, 4])
    fixed(out / "fixed.onnx", free=False)
    fixed(out / "free.onnx", free=True)
    channels_last(out / "channels_last.onnx")
    channels_last(out / "channels_last_255.onnx", 255)
    cropping(out / "cropping.onnx")
    padded(out / "padded.onnx")
    coarse(out / "coarse.onnx")
    shuffled(out / "shuffled.onnx")
    attentive(out / "attentive.onnx")
    for wrong in (grey, same_size, darkening, not_a_number, two_outputs):
        wrong(out / f"{wrong.__name__}.onnx")
    for path in sorted(out.glob("*.onnx")):
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
