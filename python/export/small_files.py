"""What lies beside the networks: tokenizers, scheduler, `model_index.json`, licences."""

import json
import shutil
from pathlib import Path
from typing import Any

from checkpoint import Checkpoint, read_json
from errors import Refused

ROLES = {"text_encoder": "ORTTextEncoder", "unet": "ORTUnet", "transformer": "ORTTransformer", "vae_encoder": "ORTVaeEncoder", "vae_decoder": "ORTVaeDecoder"}


def copy(checkpoint: Checkpoint, target: Path, parts: list[str]) -> None:
    names = [name for name, value in checkpoint.index.items() if isinstance(value, list) and value[0] and name.startswith("tokenizer")]
    for name in names:
        source = checkpoint.folder / name
        if not source.is_dir():
            raise Refused(f"{source}: is missing; get the whole checkpoint again")
        shutil.copytree(source, target / name, ignore=lambda _, files: [file for file in files if not file.endswith((".json", ".txt", ".model"))])
        (_sentence_pieces if "T5" in checkpoint.index[name][1] else _byte_pairs)(target / name)
    (target / "scheduler").mkdir()
    shutil.copy(checkpoint.folder / "scheduler/scheduler_config.json", target / "scheduler")
    for file in checkpoint.folder.iterdir():
        if file.is_file() and file.name.lower().startswith(("license", "licence", "notice")):
            shutil.copy(file, target)
    (target / "model_index.json").write_text(json.dumps(index(checkpoint, names, parts), indent=2) + "\n")


def index(checkpoint: Checkpoint, tokenizers: list[str], parts: list[str]) -> dict[str, Any]:
    kept = {key: value for key, value in checkpoint.index.items() if not isinstance(value, list)}
    absent = {key: [None, None] for key, value in checkpoint.index.items() if isinstance(value, list) and not value[0] and key.startswith(("text", "token"))}
    listed = {part: ["optimum", ROLES[part.rstrip("_23")]] for part in parts}
    return {**kept, **absent, **{name: checkpoint.index[name] for name in (*tokenizers, "scheduler")}, **listed}


def _byte_pairs(folder: Path) -> None:
    """`vocab.json` and `merges.txt`, which newer transformers save inside `tokenizer.json` only."""
    if all((folder / name).is_file() for name in ("vocab.json", "merges.txt")):
        return
    model = read_json(folder / "tokenizer.json").get("model", {})
    if "vocab" not in model or "merges" not in model:
        raise Refused(f"{folder.name}: has neither vocab.json and merges.txt nor a tokenizer.json that holds them; get the whole checkpoint again")
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False))
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")


def _sentence_pieces(folder: Path) -> None:
    """`tokenizer.json`, which older checkpoints lack."""
    if (folder / "tokenizer.json").is_file():
        return
    from transformers import T5Tokenizer

    try:
        T5Tokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer.save(str(folder / "tokenizer.json"))
    except (OSError, ValueError, ImportError) as error:
        raise Refused(f"{folder.name}: no tokenizer.json, and none can be made of spiece.model: {error}") from error
