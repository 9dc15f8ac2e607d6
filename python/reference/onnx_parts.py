"""Parts of a model as ONNX files with the names optimum gives, each checked against torch."""

import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, numpy_helper

Axes = dict[str, dict[int, str]]
IMAGE = {0: "batch_size", 2: "height", 3: "width"}


def _rms_norm(g: Any, x: Any, _shape: Any, weight: Any, eps: Any) -> Any:
    """The exporter for opset 17 lacks this one; FLUX has it."""
    from torch.onnx import symbolic_helper

    value = symbolic_helper._maybe_get_const(eps, "f")
    value = value if isinstance(value, float) else torch.finfo(torch.float32).eps
    power = g.op("Mul", x, x)
    mean = g.op("ReduceMean", power, axes_i=[-1], keepdims_i=1)
    root = g.op("Sqrt", g.op("Add", mean, g.op("Constant", value_t=torch.tensor(value))))
    normed = g.op("Div", x, root)
    return normed if symbolic_helper._is_none(weight) else g.op("Mul", normed, weight)


torch.onnx.register_custom_op_symbolic("aten::rms_norm", _rms_norm, 17)


class Wrapped(torch.nn.Module):
    """Positional tensors in, tensors out."""

    def __init__(self, module: torch.nn.Module, call: Callable[..., Any]) -> None:
        super().__init__()
        self.module, self.call = module, call

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.call(self.module, *inputs)


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
    theirs = theirs if isinstance(theirs, tuple) else (theirs,)
    pairs = [(a.astype(np.float32), b.float().numpy()) for a, b in zip(ours, theirs, strict=True)]
    return max(float(np.abs(a - b).max()) / max(1.0, float(np.abs(b).max())) for a, b in pairs)


def write_config(folder: Path, module: torch.nn.Module) -> None:
    config = module.config.to_diff_dict() if hasattr(module.config, "to_diff_dict") else dict(module.config)
    config = {key: value for key, value in config.items() if not key.startswith("_") or key == "_class_name"}
    config.setdefault("_class_name", type(module).__name__)
    (folder / "config.json").write_text(json.dumps(config, default=str, indent=1, sort_keys=True) + "\n")


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


# What each kind of part takes and gives.

def text_encoder(folder: Path, module: Any, batch: int = 2, fixed: bool = False, pooled_first: bool = False, hidden: bool = True,
                 **more: Any) -> None:
    """CLIP's text encoder; with a projection its first output is `text_embeds`."""
    layers = module.config.num_hidden_layers

    def call(m: Any, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        out = m(ids, output_hidden_states=True)
        states = tuple(out.hidden_states) if hidden else ()
        return (out.text_embeds, out.last_hidden_state, *states) if pooled_first else (out.last_hidden_state, out.pooler_output, *states)

    first = ["text_embeds", "last_hidden_state"] if pooled_first else ["last_hidden_state", "pooler_output"]
    outputs = first + ([f"hidden_states.{k}" for k in range(layers + 1)] if hidden else [])
    ids = lambda rows: torch.tensor([[638, *range(5 + row, 9 + row), *[639] * 72] for row in range(rows)])
    # A tensor that is two outputs at once cannot be exported under two names.
    axes = None if fixed else {"input_ids": {0: "batch_size"}, **{name: {0: "batch_size"} for name in outputs}}
    export(folder, module, call, {"input_ids": ids(batch)}, outputs, axes, None if fixed else {"input_ids": ids(1)}, **more)


def t5(folder: Path, module: Any) -> None:
    ids = lambda rows, length: torch.tensor([[5 + (row + k) % 90 for k in range(length - 2)] + [1, 0] for row in range(rows)])
    export(folder, module, lambda m, ids: m(ids).last_hidden_state, {"input_ids": ids(2, 20)}, ["last_hidden_state"],
           {"input_ids": {0: "batch_size", 1: "sequence_length"}, "last_hidden_state": {0: "batch_size", 1: "sequence_length"}},
           {"input_ids": ids(1, 64)})


def unet(folder: Path, module: Any, batch: int = 2, size: tuple[int, int] = (12, 8), fixed: bool = False, dtype: torch.dtype = torch.float32,
         whole: bool = False, **more: Any) -> None:
    """Timesteps are floats, as Euler's mostly are; int64 where `whole` says so."""
    config = module.config
    width, sizes = config.cross_attention_dim, config.addition_embed_type == "text_time"
    embeds = 24
    count = (config.projection_class_embeddings_input_dim - embeds) // config.addition_time_embed_dim if sizes else 0

    def call(m: Any, sample: torch.Tensor, timestep: torch.Tensor, hidden: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        extra = {"added_cond_kwargs": {"text_embeds": rest[0], "time_ids": rest[1]}} if sizes else {}
        if config.time_cond_proj_dim:
            extra = {"timestep_cond": rest[0]}
        return m(sample, timestep, hidden, return_dict=False, **extra)[0]

    def inputs(rows: int, height: int, wide: int, words: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(rows)
        draw = lambda *shape: torch.randn(*shape, generator=generator).to(dtype)
        given = {"sample": draw(rows, 4, height, wide), "timestep": torch.tensor(601 if whole else 600.75), "encoder_hidden_states": draw(rows, words, width)}
        if sizes:
            given |= {"text_embeds": draw(rows, embeds), "time_ids": draw(rows, count).abs() * 64}
        if config.time_cond_proj_dim:
            given["timestep_cond"] = draw(rows, config.time_cond_proj_dim)
        return given

    rows = {0: "batch_size"}
    axes = {"sample": IMAGE, "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"}, "out_sample": IMAGE,
            **({"text_embeds": rows, "time_ids": rows} if sizes else {}), **({"timestep_cond": rows} if config.time_cond_proj_dim else {})}
    export(folder, module, call, inputs(batch, *size, 77), ["out_sample"], None if fixed else axes, None if fixed else inputs(3, 18, 10, 154), **more)


def sd3(folder: Path, module: Any) -> None:
    def inputs(rows: int, height: int, width: int, words: int) -> dict[str, torch.Tensor]:
        draw = torch.Generator().manual_seed(rows)
        return {"hidden_states": torch.randn(rows, 16, height, width, generator=draw),
                "encoder_hidden_states": torch.randn(rows, words, module.config.joint_attention_dim, generator=draw),
                "pooled_projections": torch.randn(rows, module.config.pooled_projection_dim, generator=draw), "timestep": torch.tensor([601.0] * rows)}

    call = lambda m, h, e, p, t: m(h, encoder_hidden_states=e, pooled_projections=p, timestep=t, return_dict=False)[0]
    rows = {0: "batch_size"}
    export(folder, module, call, inputs(2, 12, 8, 154), ["out_hidden_states"],
           {"hidden_states": IMAGE, "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"}, "pooled_projections": rows, "timestep": rows,
            "out_hidden_states": IMAGE}, inputs(1, 18, 10, 333))


def _rotate(x: torch.Tensor, turns: tuple[torch.Tensor, torch.Tensor], sequence_dim: int) -> torch.Tensor:
    """As diffusers does it, without the reshape to `x.shape[:-1]`, of which the exporter makes a constant."""
    cos, sin = (turn[None, :, None, :] for turn in turns)
    assert sequence_dim == 1
    turned = torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).flatten(3)
    return (x.float() * cos + turned.float() * sin).to(x.dtype)


def flux(folder: Path, module: Any) -> None:
    def inputs(rows: int, height: int, width: int, words: int) -> dict[str, torch.Tensor]:
        draw = torch.Generator().manual_seed(rows)
        places = torch.stack(torch.meshgrid(torch.zeros(1), torch.arange(0.0, height), torch.arange(0.0, width), indexing="ij"), -1).reshape(-1, 3)
        given = {"hidden_states": torch.randn(rows, height * width, 64, generator=draw),
                 "encoder_hidden_states": torch.randn(rows, words, module.config.joint_attention_dim, generator=draw),
                 "pooled_projections": torch.randn(rows, module.config.pooled_projection_dim, generator=draw),
                 "timestep": torch.full((rows,), 0.601), "img_ids": places, "txt_ids": torch.zeros(words, 3)}
        return given | ({"guidance": torch.full((rows,), 3.5)} if module.config.guidance_embeds else {})

    call = lambda m, h, e, p, t, i, x, g=None: m(h, encoder_hidden_states=e, pooled_projections=p, timestep=t, img_ids=i, txt_ids=x, guidance=g,
                                                 return_dict=False)[0]
    rows = {0: "batch_size"}
    axes = {"hidden_states": {0: "batch_size", 1: "packed_height_width"}, "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"},
            "pooled_projections": rows, "timestep": rows, "img_ids": {0: "packed_height_width"}, "txt_ids": {0: "sequence_length"},
            "out_hidden_states": {0: "batch_size", 1: "packed_height_width"}, **({"guidance": rows} if module.config.guidance_embeds else {})}
    with mock.patch("diffusers.models.transformers.transformer_flux.apply_rotary_emb", _rotate):
        export(folder, module, call, inputs(2, 6, 4, 30), ["out_hidden_states"], axes, inputs(1, 9, 5, 64))


def vae_decoder(folder: Path, module: Any, batch: int = 1, size: tuple[int, int] = (12, 8), fixed: bool = False, dtype: torch.dtype = torch.float32,
                **more: Any) -> None:
    channels = module.config.latent_channels
    given = lambda rows, *size: {"latent_sample": torch.randn(rows, channels, *size, generator=torch.Generator().manual_seed(1)).to(dtype)}
    export(folder, module, lambda m, z: m.decode(z, return_dict=False)[0], given(batch, *size), ["sample"],
           None if fixed else {"latent_sample": IMAGE, "sample": IMAGE}, None if fixed else given(2, 9, 7), **more)


def vae_encoder(folder: Path, module: Any, batch: int = 1, size: tuple[int, int] = (96, 64), fixed: bool = False, dtype: torch.dtype = torch.float32,
                **more: Any) -> None:
    tiny = type(module).__name__ == "AutoencoderTiny"
    output = "latent_sample" if tiny else "latent_parameters"
    given = lambda rows, *size: {"sample": torch.rand(rows, 3, *size, generator=torch.Generator().manual_seed(1)).mul(2).sub(1).to(dtype)}
    call = lambda m, x: m.encode(x).latents if tiny else m.encode(x).latent_dist.parameters
    export(folder, module, call, given(batch, *size), [output], None if fixed else {"sample": IMAGE, output: IMAGE},
           None if fixed else given(2, 72, 56), **more)
