"""What an exporter wrote, as one file or two: names as optimum has them, weights inside or in `model.onnx_data`."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from errors import Refused

# A protocol buffer ends at 2 GiB; some room is left for the graph.
LIMIT = 1_900_000_000
DATA = "model.onnx_data"
PAGE = 4096  # so that readers can map each weight


def store(written: Path, target: Path, external: str, halve: bool) -> int:
    """Copies the network at `written` to `target/model.onnx`, one weight in memory at a time where they lie outside; answers the bytes on disk.

    `external` is auto, always or never; `halve` keeps weights that bfloat16 holds without loss in it, cast where they are used.
    """
    model = onnx.load(written, load_external_data=False)
    _rename(model)
    total = sum(_length(tensor) for tensor in model.graph.initializer)
    outside = external == "always" or (external == "auto" and total > LIMIT)
    if external == "never" and total > LIMIT:
        raise Refused(f"{target.name}: {total / 1e9:.1f} GB do not fit one ONNX file; leave --external-data at auto")
    target.mkdir(parents=True, exist_ok=True)
    casts = []
    with open(target / DATA if outside else os.devnull, "wb") as data:
        for tensor in model.graph.initializer:
            raw = _bytes(tensor, written.parent)
            if halve and (half := _bfloat16(tensor, raw)) is not None:
                raw, stored = half, f"{tensor.name}_bf16"
                casts.append(helper.make_node("Cast", [stored], [tensor.name], name=f"{tensor.name}/Cast", to=TensorProto.FLOAT))
                tensor.name, tensor.data_type = stored, TensorProto.BFLOAT16
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT
            if outside and len(raw) >= 1024:
                data.seek(-(-data.tell() // PAGE) * PAGE)
                at = data.tell()
                data.write(raw)
                tensor.ClearField("raw_data")
                tensor.data_location = TensorProto.EXTERNAL
                for key, value in (("location", DATA), ("offset", at), ("length", len(raw))):
                    tensor.external_data.add(key=key, value=str(value))
            else:
                tensor.raw_data = raw
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    model.graph.ClearField("value_info")
    onnx.save(model, target / "model.onnx")
    onnx.checker.check_model(str(target / "model.onnx"))
    return sum(file.stat().st_size for file in target.glob("model.onnx*"))


def _rename(model: onnx.ModelProto) -> None:
    """Takes away the level that our wrapper put around the network, but from names that the wrapper itself has too."""
    taken = {name for node in model.graph.node for name in (node.name, *node.output)} | {tensor.name for tensor in model.graph.initializer}

    def plain(name: str) -> str:
        short = name.replace("/module/", "/", 1) if name.startswith("/module/") else name.removeprefix("module.")
        return name if short in taken else short

    def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                for inner in (attribute.g, *attribute.graphs):
                    yield from graphs(inner) if inner.node else ()

    for graph in graphs(model.graph):
        for node in graph.node:
            node.name = plain(node.name)
            node.input[:], node.output[:] = map(plain, node.input), map(plain, node.output)
        for named in (*graph.initializer, *graph.input, *graph.output):
            named.name = plain(named.name)


def _place(tensor: TensorProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in tensor.external_data}


def _length(tensor: TensorProto) -> int:
    return int(np.prod(tensor.dims, dtype=np.int64)) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize


def _bytes(tensor: TensorProto, folder: Path) -> bytes:
    if tensor.data_location != TensorProto.EXTERNAL:
        raw = tensor.raw_data if tensor.HasField("raw_data") else onnx.numpy_helper.to_array(tensor).tobytes()
        for field in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data"):
            tensor.ClearField(field)
        return raw
    place = _place(tensor)
    with open(folder / place["location"], "rb") as file:
        file.seek(int(place.get("offset", 0)))
        return file.read(_length(tensor))


def _bfloat16(tensor: TensorProto, raw: bytes) -> bytes | None:
    if tensor.data_type != TensorProto.FLOAT or sum(side > 1 for side in tensor.dims) < 2:
        return None
    words = np.frombuffer(raw, np.uint32)
    return None if (words & 0xFFFF).any() else (words >> 16).astype(np.uint16).tobytes()
