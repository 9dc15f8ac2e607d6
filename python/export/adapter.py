"""From a published IP-Adapter and the image encoder it was trained with to a folder shortform looks through.

    python python/export/adapter.py ip-adapter_sd15.safetensors IMAGE_ENCODER OUT [--dtype float16]
"""

import argparse
import json
import shutil
import sys
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

import torch
from contracts.networks import Inputs
from contracts.tracing import Wrapped, write_config
from safetensors import safe_open
from transformers import CLIPVisionModelWithProjection
from transformers.utils import logging

import proof
from errors import Refused, made_whole, reported
from export import DTYPES, OPSETS, say, trace, versions
from precision import Outside32, halved
from storage import store


def kind_of(adapter: Path) -> str:
    """`linear` looks at the picture as a whole, `resampler` at its patches."""
    if adapter.suffix != ".safetensors" or not adapter.is_file():
        raise Refused(f"{adapter}: no .safetensors file; a pickled .bin can run code when it is read, so take the other file of the same adapter")
    with safe_open(adapter, "pt") as tensors:
        names = set(tensors.keys())
    if not any(name.endswith(".to_k_ip.weight") for name in names):
        raise Refused(f"{adapter}: no IP-Adapter for a UNet: it holds no ip_adapter.N.to_k_ip.weight")
    if "image_proj.proj.weight" in names:
        return "linear"
    if "image_proj.latents" in names:
        return "resampler"
    raise Refused(f"{adapter}: its image projection is neither a linear one nor a resampler: adapters for faces alone (FaceID, full face) are not known")


def width_wanted(adapter: Path, kind: str) -> int:
    with safe_open(adapter, "pt") as tensors:
        name = "image_proj.proj.weight" if kind == "linear" else "image_proj.proj_in.weight"
        return int(tensors.get_slice(name).get_shape()[1])


def call(module: CLIPVisionModelWithProjection, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What both kinds of adapters look at: the whole picture, and each layer's patches."""
    answer = module(pixel_values=pixels, output_hidden_states=True)
    return (answer.image_embeds, *answer.hidden_states)


def given(rows: int, side: int) -> Inputs:
    return {"pixel_values": torch.randn(rows, 3, side, side, generator=torch.Generator().manual_seed(rows))}


def image_encoder(folder: Path, target: Path, scratch: Path, dtype: str) -> list[float]:
    """The encoder exported and compared with torch."""
    module = CLIPVisionModelWithProjection.from_pretrained(folder, dtype=torch.float32, local_files_only=True, attn_implementation="eager").eval()
    side, layers = module.config.image_size, module.config.num_hidden_layers
    target.mkdir(parents=True)
    write_config(target, module)
    outputs = ["image_embeds", *(f"hidden_states.{layer}" for layer in range(layers + 1))]
    module.to(DTYPES[dtype]).float()
    tries = [(inputs, [tensor.numpy() for tensor in call(module, *inputs.values())]) for inputs in (given(1, side), given(2, side))]
    names = ["pixel_values"]
    wrapped = Outside32(halved(module), call, names, torch.float16) if dtype == "float16" else Wrapped(module, call)
    scratch.mkdir()
    axes = {name: {0: "batch_size"} for name in (*names, *outputs)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace(wrapped.eval(), names, outputs, tries[0][0], axes, scratch / "traced.onnx", "legacy", OPSETS["legacy"])
    written = store(scratch / "traced.onnx", target, "auto", dtype == "bfloat16")
    errors = proof.off(target, tries)
    if not max(errors) <= proof.OF_PARTS[dtype]:
        raise Refused(f"{folder}: the exported encoder is off by {max(errors):.1e} against torch, of {proof.OF_PARTS[dtype]:.0e} allowed")
    say(f"image encoder: {written / 1e6:.1f} MB, {dtype}, off by {', '.join(f'{error:.1e}' for error in errors)}")
    return errors


def export(args: argparse.Namespace) -> None:
    out: Path = args.out.resolve()
    kind = kind_of(args.adapter)
    if not (args.image_encoder / "config.json").is_file():
        raise Refused(f"{args.image_encoder}: no config.json: an image encoder is a folder as transformers saves it")
    config = json.loads((args.image_encoder / "config.json").read_text())
    wanted, has = width_wanted(args.adapter, kind), config.get("projection_dim" if kind == "linear" else "hidden_size")
    if wanted != has:
        raise Refused(f"{args.adapter}: was trained with an image encoder {wanted} wide, and {args.image_encoder} is {has} wide: take the adapter's own")
    with made_whole(out, args.force) as stage:
        with torch.no_grad():
            errors = image_encoder(args.image_encoder, stage / "image_encoder", stage / ".traced", args.dtype)
        shutil.rmtree(stage / ".traced")
        shutil.copyfile(args.adapter, stage / args.adapter.name)
        for folder in (args.image_encoder, args.image_encoder.parent / "feature_extractor"):
            if (prepared := folder / "preprocessor_config.json").is_file():
                (stage / "feature_extractor").mkdir(exist_ok=True)
                shutil.copyfile(prepared, stage / "feature_extractor/preprocessor_config.json")
        record = {"adapter": args.adapter.name, "kind": kind, "dtype": args.dtype, "versions": versions(), "errors": errors}
        (stage / "export.json").write_text(json.dumps(record, indent=1) + "\n")
    say(f"done: {out}")


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="From a published IP-Adapter and its image encoder to a folder shortform looks through.")
    parser.add_argument("adapter", type=Path, help="the adapter's .safetensors")
    parser.add_argument("image_encoder", type=Path, help="the folder of the image encoder it was trained with, as transformers saves it")
    parser.add_argument("out", type=Path, help="the folder to make")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="how the encoder's weights are kept; the adapter's stay as they are")
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")
    args = parser.parse_args(sys.argv[1:] if words is None else words)
    logging.disable_progress_bar()
    return reported(lambda: export(args), args.out)


if __name__ == "__main__":
    sys.exit(main())
