"""Train the tokenizer: byte-level BPE as CLIP has it, from our captions, our word lists and general English prose.

The prose is Python's own language reference (`pydoc_data.topics`), which every Python carries.

    python tokenizer.py --out DIR/tokenizer
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from pydoc_data.topics import topics

import yaml
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from illustrator import SUBJECTS, Scene
from illustrator.caption import FILLERS, SUBJECTS_FILE, caption

START, END = "<|startoftext|>", "<|endoftext|>"
CONTEXT = 48
PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


def corpus(seed: int) -> list[str]:
    """The text the merges are learned from."""
    rng = random.Random(seed)
    names = tuple(SUBJECTS)
    lines = [caption(Scene.random(k, names), rng).text for k in range(3000)]
    data = yaml.safe_load(SUBJECTS_FILE.read_text())
    for group in data.values():
        for entry in group:
            lines += [word for word in entry["words"] for _ in range(12)]
    lines += list(FILLERS) * 5
    lines += list(topics.values())
    return lines


def alphabet() -> list[str]:
    """The 256 printable stand-ins for bytes, in CLIP's order."""
    codes = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    stand_ins = [chr(c) for c in codes]
    extra = 0
    for byte in range(256):
        if byte not in codes:
            stand_ins.append(chr(256 + extra))
            extra += 1
    return stand_ins


def train(size: int, seed: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The vocabulary and the merges, ordered as CLIP orders them."""
    letters = alphabet()
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=letters, end_of_word_suffix="</w>", show_progress=False, min_frequency=3)
    tokenizer.train_from_iterator(corpus(seed), trainer)
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in json.loads(tokenizer.to_str())["model"]["merges"]]
    tokens = [*letters, *(c + "</w>" for c in letters)]
    tokens += list(dict.fromkeys("".join(m) for m in merges if "".join(m) not in set(tokens)))
    tokens += [START, END]
    return {t: i for i, t in enumerate(tokens)}, merges  # type: ignore[return-value]


def write(out: Path, vocab: dict[str, int], merges: list[tuple[str, str]]) -> None:
    """The four files of a CLIP tokenizer."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (out / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(m) for m in merges) + "\n")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    (out / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
    config = {"tokenizer_class": "CLIPTokenizer", "do_lower_case": True, "add_prefix_space": False, "errors": "replace", "model_max_length": CONTEXT, **special}
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--size", type=int, default=3500)
    args.add_argument("--seed", type=int, default=1)
    a = args.parse_args()
    vocab, merges = train(a.size, a.seed)
    write(a.out, vocab, merges)
    from transformers import CLIPTokenizer

    made = CLIPTokenizer.from_pretrained(str(a.out))
    for text in ("A castle at dawn, in the rain!", "the stock-market crash of 1929 isn't über", "zebra xylophone"):
        ids = made(text, padding="max_length", truncation=True).input_ids
        print(len(vocab), len(ids), ids[:14], repr(made.decode(ids, skip_special_tokens=True)))


if __name__ == "__main__":
    main()
