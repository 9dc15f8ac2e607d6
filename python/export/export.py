"""From a checkpoint of diffusers to a folder shortform draws from.

    python python/export/export.py CHECKPOINT OUT [--dtype float16] [--size 704x1280] [--vae FOLDER]
"""

import argparse
import gc
import json
import logging
import shutil
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import torch
import transformers
from contracts.networks import Inputs
from contracts.tracing import Wrapped, traceable, write_config

import checkpoint as checkpoints
import proof
import small_files
from checkpoint import PARTS, Checkpoint
from errors import Refused, made_whole, reported
from precision import Outside32, halved
from storage import store

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
OPSETS = {"legacy": 17, "dynamo": 20}


def say(text: str) -> None:
    print(text, flush=True)


def trace(wrapped: Wrapped, names: list[str], outputs: list[str], given: Inputs, axes: dict[str, dict[int, str]] | None, path: Path, exporter: str,
          opset: int) -> None:
    if exporter == "legacy":
        torch.onnx.export(wrapped, tuple(given.values()), str(path), dynamo=False, opset_version=opset, input_names=names, output_names=outputs,
                          dynamic_axes=axes)
        return
    free = tuple({dim: torch.export.Dim.DYNAMIC for dim in axes.get(name, {})} for name in names) if axes else None
    torch.onnx.export(wrapped, tuple(given.values()), str(path), dynamo=True, opset_version=opset, input_names=names, output_names=outputs,
                      dynamic_shapes=(free,) if free else None, external_data=True, verbose=False)


def attempt(source: Checkpoint, part: str, target: Path, scratch: Path, dtype: str, exporter: str, opset: int, size: tuple[int, int] | None,
            external: str) -> dict[str, Any]:
    """One network exported and compared; it is in memory once, and gone before the file is put together."""
    since = time.monotonic()
    module = source.load(part, DTYPES[dtype])
    contract = source.contract(part, module)
    tries = []
    for sizes in source.sizes(part, size):
        given = contract.inputs(sizes)
        answer = contract.call(module, *given.values())
        tries.append((given, [tensor.numpy() for tensor in (answer if isinstance(answer, tuple) else (answer,))]))
    target.mkdir(parents=True)
    write_config(target, module)
    names = list(tries[0][0])
    wrapped = Outside32(halved(module), contract.call, names, torch.float16) if dtype == "float16" else Wrapped(module, contract.call)
    scratch.mkdir()
    # Tracing warns of every size that is a Python number; whether one was frozen, the second size tells.
    with warnings.catch_warnings(), traceable(), torch.no_grad():
        warnings.simplefilter("ignore")
        trace(wrapped.eval(), names, contract.outputs, tries[0][0], None if size else contract.axes, scratch / "traced.onnx", exporter, opset)
    del module, wrapped
    gc.collect()
    written = store(scratch / "traced.onnx", target, external, dtype == "bfloat16")
    errors = proof.off(target, tries)
    if not max(errors) <= proof.OF_PARTS[dtype]:
        raise ArithmeticError(f"off by {max(errors):.1e} against torch, of {proof.OF_PARTS[dtype]:.0e} allowed")
    return {"dtype": dtype, "exporter": exporter, "opset": opset, "bytes": written, "errors": errors, "tolerance": proof.OF_PARTS[dtype],
            "seconds": round(time.monotonic() - since, 1)}


def one_part(source: Checkpoint, part: str, stage: Path, args: argparse.Namespace) -> dict[str, Any]:
    """The part, in float32 where 16 bits overflow, by the other exporter where the first fails; each said."""
    why = None
    dtypes = [args.dtype] if args.dtype != "float16" else ["float16", "float32"]
    if args.dtype == "float16" and part.startswith("vae") and source.overflows_in_halves:
        why, dtypes = "its configuration says force_upcast", ["float32"]
    exporters = ["legacy", "dynamo"] if args.exporter == "auto" else [args.exporter]
    failed: list[str] = []
    for exporter in exporters:
        for dtype in dtypes:
            try:
                made = attempt(source, part, stage / part, stage / ".traced", dtype, exporter, args.opset or OPSETS[exporter], args.size,
                               args.external_data)
            except Refused:
                raise
            except Exception as error:  # exporters raise whatever they stumbled over
                failed.append(f"{exporter} {dtype}: {str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}")
                say(f"{part}: {failed[-1]}")
            else:
                told = why or ("; ".join(failed) if failed else None)
                say(f"{part}: {made['bytes'] / 1e6:.1f} MB, {dtype}, {exporter}, off by {', '.join(f'{e:.1e}' for e in made['errors'])}"
                    + (f" ({told})" if told else ""))
                return made | ({"because": told} if told else {})
            finally:
                shutil.rmtree(stage / ".traced", ignore_errors=True)
            shutil.rmtree(stage / part, ignore_errors=True)
    raise Refused(f"{part}: cannot be exported: {'; '.join(failed)}")


def whole(source: Checkpoint, stage: Path, told: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """The pipeline drawn with torch and with what was exported."""
    multiple = source.multiple * source.factor
    size = args.size or (2 * multiple, 3 * multiple)
    dtypes = {part: DTYPES[made["dtype"]] for part, made in told.items()}
    try:
        with torch.no_grad():
            theirs = proof.draw(source, source.folder, proof.of_torch(source, dtypes), size)
            ours = proof.draw(source, stage, proof.of_onnx(stage), size)
    except Exception as error:  # anything may be wrong in a checkpoint's scheduler or tokenizers
        raise Refused(f"the pipeline cannot be drawn: {type(error).__name__}: {error}; nothing was kept") from error
    allowed = proof.OF_PICTURES[args.dtype]
    errors = {"latents": proof.error([ours.latents], [theirs.latents]), "picture": proof.error([ours.picture], [theirs.picture])}
    say(f"pipeline, {proof.STEPS} steps of {size[0]}x{size[1]}: latents off by {errors['latents']:.1e}, picture by {errors['picture']:.1e}")
    if not max(errors.values()) <= allowed:
        raise Refused(f"the pipeline draws something else than with torch: off by {max(errors.values()):.1e}, of {allowed:.0e} allowed; nothing was kept")
    return {"size": list(size), "steps": proof.STEPS, **errors, "tolerance": allowed}


def check_room(source: Checkpoint, parts: list[str], dtype: str, where: Path) -> None:
    weights = [sum(p.numel() for p in source.hollow(part).parameters()) * (4 if dtype == "float32" else 2) for part in parts]
    needed, free = int((sum(weights) + 2 * max(weights)) * 1.05), shutil.disk_usage(where).free
    if needed > free:
        raise Refused(f"{where}: not enough disk: {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB free; make room, or export elsewhere")


def export(args: argparse.Namespace) -> None:
    out: Path = args.out.resolve()
    with made_whole(out, args.force) as stage:
        if not args.checkpoint.exists():
            raise Refused(f"{args.checkpoint}: no checkpoint there: no such folder or file")
        folder = args.checkpoint
        if folder.is_file():
            folder = checkpoints.unpack(folder, args.config, stage / ".unpacked")
        source = checkpoints.open_folder(folder, args.vae)
        parts = args.parts or source.parts
        if unknown := set(parts) - set(source.parts):
            raise Refused(f"{folder}: has no part {', '.join(sorted(unknown))}; it has {', '.join(source.parts)}")
        side = source.multiple * source.factor
        if args.size and any(length % side for length in args.size):
            raise Refused(f"--size: both sides must divide by {side} for this model")
        check_room(source, parts, args.dtype, out.parent)
        say(f"{source.index['_class_name']}: {', '.join(parts)}")
        with torch.no_grad():
            told = {part: one_part(source, part, stage, args) for part in parts}
        small_files.copy(source, stage, parts)
        drawn = whole(source, stage, told, args) if set(parts) == set(source.parts) else None
        if drawn is None:
            say("pipeline: not drawn, for only some parts were asked for")
        shutil.rmtree(stage / ".unpacked", ignore_errors=True)
        record = {"checkpoint": args.checkpoint.name, "pipeline": source.index["_class_name"], "dtype": args.dtype, "size": args.size,
                  "versions": versions(), "parts": told, "drawn": drawn}
        (stage / "export.json").write_text(json.dumps(record, indent=1) + "\n")
    say(f"done: {out}")


def versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "diffusers", "transformers", "onnx", "onnxruntime")}


def size_of(text: str) -> tuple[int, int]:
    width, by, height = text.partition("x")
    if not by or not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, such as 704x1280")
    return int(width), int(height)


def parts_of(text: str) -> list[str]:
    if unknown := [part for part in text.split(",") if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return text.split(",")


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="From a checkpoint of diffusers to a folder shortform draws from, checked against torch.")
    parser.add_argument("checkpoint", type=Path, help="a folder with model_index.json, or one .safetensors file")
    parser.add_argument("out", type=Path, help="the folder to make")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="how weights are kept; inputs and outputs are float32 always")
    parser.add_argument("--size", type=size_of, help="the only size it will draw, WIDTHxHEIGHT in pixels; any size by default")
    parser.add_argument("--exporter", choices=("auto", "legacy", "dynamo"), default="auto", help="auto: legacy, and dynamo for what it cannot do")
    parser.add_argument("--opset", type=int, help="of the ONNX files; 17 by default, 20 with dynamo")
    parser.add_argument("--parts", type=parts_of, help="only these, with commas between")
    parser.add_argument("--external-data", choices=("auto", "always", "never"), default="auto", help="weights in model.onnx_data; auto: from 2 GB on")
    parser.add_argument("--vae", type=Path, help="a folder with another VAE, such as a tiny autoencoder")
    parser.add_argument("--config", type=Path, help="for a single file: a diffusers folder of the same family, weights not needed")
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    args = arguments(sys.argv[1:] if given is None else given)
    for name in ("diffusers", "transformers", "torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.ERROR)
    transformers.utils.logging.disable_progress_bar()
    return reported(lambda: export(args), args.out)


if __name__ == "__main__":
    sys.exit(main())
