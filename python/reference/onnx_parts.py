"""Parts of a model as ONNX files with the names optimum gives, each checked against torch."""

import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, numpy_helper

sys.path.append(str(Path(__file__).resolve().parents[1]))
from contracts import networks
from contracts.networks import Axes, Contract, Sizes
from contracts.tracing import Wrapped, error, traceable, write_config


def export(folder: Path, module: torch.nn.Module, call: Callable[..., Any], inputs: dict[str, torch.Tensor], outputs: Sequence[str],
           axes: Axes | None, others: dict[str, torch.Tensor] | None = None, names: bool = False, tolerance: float = 1e-5,
           opset: int = 17) -> float:
    """Writes the part and its configuration; answers the largest error against torch, on `others` (another size) too."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    wrapped = Wrapped(module, call).eval()  # the exporter puts back the mode it found, dropout included
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(wrapped, tuple(inputs.values()), str(path), dynamo=False, opset_version=opset, input_names=list(inputs),
                          output_names=list(outputs), dynamic_axes=axes)
    tidy(path, {*inputs, *outputs}, names)
    write_config(folder, module)
    worst = max(off(path, wrapped, given) for given in (inputs, others) if given)
    if not worst <= tolerance:
        raise ArithmeticError(f"{path} is off by {worst:e}")
    print(f"{folder.name:28} {path.stat().st_size // 1024:5} KiB, off by {worst:.1e}")
    return worst


def off(path: Path, wrapped: torch.nn.Module, given: dict[str, torch.Tensor]) -> float:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    kept = {i.name for i in session.get_inputs()}
    ours = session.run(None, {name: tensor.numpy() for name, tensor in given.items() if name in kept})
    theirs = wrapped(*given.values())
    return error(ours, [tensor.numpy() for tensor in (theirs if isinstance(theirs, tuple) else (theirs,))])


def tidy(path: Path, kept: set[str], names: bool) -> None:
    """Shortens the exporter's names, which weigh more than these weights; nodes keep theirs where `names` says so."""
    model = onnx.load(path)
    short: dict[str, str] = {}
    rename = lambda name: name if name in kept or not name else short.setdefault(name, f"v{len(short)}")
    for node in model.graph.node:
        if names:  # as exporters write them that wrap nothing around the network
            node.name = node.name.replace("/module/", "/", 1)
        else:
            node.ClearField("name")
        node.input[:], node.output[:] = map(rename, node.input), map(rename, node.output)
    for tensor in model.graph.initializer:
        tensor.name = rename(tensor.name)
    model.graph.ClearField("value_info")
    onnx.checker.check_model(model)
    onnx.save(model, path)


def with_external_data(source: Path, target: Path, location: str) -> None:
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "config.json", target)
    for file in (target / "model.onnx", target / location):
        file.unlink(missing_ok=True)
    onnx.save_model(onnx.load(source / "model.onnx"), target / "model.onnx", save_as_external_data=True, all_tensors_to_one_file=True,
                    location=location, size_threshold=256)


def weights_in_bfloat16(source: Path, target: Path) -> None:
    """Weights of two real axes or more (a norm's are written with one) stored in 16 bits, cast where they are used; inputs, outputs and arithmetic stay float32."""
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "config.json", target)
    model = onnx.load(source / "model.onnx")
    casts = []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32 and sum(side > 1 for side in array.shape) >= 2:
            name, half = tensor.name, torch.from_numpy(array.copy()).bfloat16()
            tensor.CopyFrom(TensorProto(name=f"{name}_bf16", data_type=TensorProto.BFLOAT16, dims=array.shape,
                                        raw_data=half.view(torch.int16).numpy().tobytes()))
            casts.append(onnx.helper.make_node("Cast", [f"{name}_bf16"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    onnx.checker.check_model(model)
    onnx.save(model, target / "model.onnx")


def all_in_bfloat16(source: Path, target: Path) -> None:
    """What is float16 in `source` is bfloat16: weights, arithmetic, inputs and outputs. ONNX Runtime on a processor has no operators for it."""
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "config.json", target)
    model = onnx.load(source / "model.onnx")

    def turned(tensor: TensorProto) -> None:
        if tensor.data_type == TensorProto.FLOAT16:
            half = torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32)).bfloat16()
            tensor.CopyFrom(TensorProto(name=tensor.name, data_type=TensorProto.BFLOAT16, dims=tensor.dims,
                                        raw_data=half.view(torch.int16).numpy().tobytes()))

    for tensor in model.graph.initializer:
        turned(tensor)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                turned(attribute.t)
            if attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.BFLOAT16
    for port in (*model.graph.input, *model.graph.output):
        if port.type.tensor_type.elem_type == TensorProto.FLOAT16:
            port.type.tensor_type.elem_type = TensorProto.BFLOAT16
    model.graph.ClearField("value_info")
    onnx.save(model, target / "model.onnx")


def norms_as_one_operator(source: Path, target: Path) -> None:
    """Each norm over groups of channels of a picture is one operator, as exporters of newer operator sets write it."""
    target.mkdir(parents=True, exist_ok=True)
    model = onnx.load(source / "model.onnx")
    graph = model.graph
    numbers = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    numbers |= {node.output[0]: numpy_helper.to_array(node.attribute[0].t) for node in graph.node if node.op_type == "Constant"}
    answered = {node.output[0]: node for node in graph.node}
    reader = {name: node for node in reversed(graph.node) for name in node.input}
    made: dict[str, onnx.NodeProto] = {}
    gone: set[str] = set()
    for norm in [node for node in graph.node if node.op_type == "InstanceNormalization"]:
        before, after = answered[norm.input[0]], reader[norm.output[0]]
        scaled = reader[after.output[0]]
        moved = reader[scaled.output[0]]
        weight, bias = (next(numbers[name] for name in node.input if name in numbers) for node in (scaled, moved))
        if weight.ndim != 3:  # that of attention is over tokens
            continue
        inputs = [before.input[0]]
        for name, values in (("weight", weight), ("bias", bias)):
            inputs.append(f"{norm.output[0]}.{name}")
            graph.initializer.append(numpy_helper.from_array(values.reshape(-1), inputs[-1]))
        made[moved.output[0]] = onnx.helper.make_node("GroupNormalization", inputs, [moved.output[0]], epsilon=norm.attribute[0].f,
                                                      num_groups=int(numbers[before.input[1]][1]))
        gone |= {node.output[0] for node in (before, norm, after, scaled)}
    nodes = [made.get(node.output[0], node) for node in graph.node if node.output[0] not in gone]
    read = {name for node in nodes for name in node.input} | {output.name for output in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    nodes = [node for node in nodes if any(name in read for name in node.output)]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    # A weight for each channel, not each group, from operator set 21 on.
    model.opset_import[0].version, model.ir_version = 21, 10
    onnx.checker.check_model(model)
    onnx.save(model, target / "model.onnx")


# The sizes that each kind of part is traced and tried at.

Size = tuple[int, int]


def made(folder: Path, module: Any, contract: Contract, traced: Sizes, other: Sizes, fixed: bool = False, dtype: torch.dtype = torch.float32,
         **more: Any) -> None:
    def given(sizes: Sizes) -> dict[str, torch.Tensor]:
        return {name: tensor.to(dtype) if tensor.is_floating_point() and name != "timestep" else tensor
                for name, tensor in contract.inputs(sizes).items()}

    with traceable():
        export(folder, module, contract.call, given(traced), contract.outputs, None if fixed else contract.axes, None if fixed else given(other), **more)


def text_encoder(folder: Path, module: Any, batch: int = 2, pooled_first: bool = False, hidden: bool = True, **more: Any) -> None:
    made(folder, module, networks.clip_text(module, pooled_first, hidden), Sizes(batch), Sizes(1), **more)


def t5(folder: Path, module: Any) -> None:
    made(folder, module, networks.t5_text(module), Sizes(2, words=20), Sizes(1, words=64))


def unet(folder: Path, module: Any, batch: int = 2, size: Size = (12, 8), whole: bool = False, **more: Any) -> None:
    made(folder, module, networks.unet(module, 24, whole), Sizes(batch, *size), Sizes(3, 18, 10, 154), **more)


def sd3(folder: Path, module: Any) -> None:
    made(folder, module, networks.sd3(module), Sizes(2, 12, 8, 154), Sizes(1, 18, 10, 333))


def flux(folder: Path, module: Any) -> None:
    made(folder, module, networks.flux(module), Sizes(2, 6, 4, 30), Sizes(1, 9, 5, 64))


def vae_decoder(folder: Path, module: Any, batch: int = 1, size: Size = (12, 8), **more: Any) -> None:
    made(folder, module, networks.vae_decoder(module), Sizes(batch, *size), Sizes(2, 9, 7), **more)


def vae_encoder(folder: Path, module: Any, batch: int = 1, size: Size = (12, 8), **more: Any) -> None:
    made(folder, module, networks.vae_encoder(module), Sizes(batch, *size), Sizes(2, 9, 7), **more)
