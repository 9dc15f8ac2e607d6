"""Token ids of transformers: CLIP's byte-pair encoding with two vocabularies, T5's sentence pieces."""

import io
import json
import shutil
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import sentencepiece
from transformers import CLIPTokenizer, T5Tokenizer

import byte_pairs
from arrays import FIXTURES
from corpus import EMOJI, ENGLISH, SENTENCES
from prompts_of_words import prompts

POCKET = FIXTURES.parents[2] / "assets/models/pocket/tokenizer"
START, END = "<|startoftext|>", "<|endoftext|>"


def letters() -> list[str]:
    """The printable stand-ins of the 256 bytes, in CLIP's order."""
    codes = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    missing = [byte for byte in range(256) if byte not in codes]
    return [chr(code) for code in codes] + [chr(256 + k) for k in range(len(missing))]


def clip(folder: Path, size: int, texts: list[str], limit: int = 77, pad: str = END) -> CLIPTokenizer:
    """A vocabulary built as CLIP's is: bytes, bytes that end a word, merges, the two special tokens last."""
    merges = byte_pairs.learn(byte_pairs.words(texts), size - 514)
    vocabulary = [*letters(), *(letter + "</w>" for letter in letters())]
    vocabulary += list(dict.fromkeys(token for token in map("".join, merges) if token not in set(vocabulary)))
    vocabulary += [START, END]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: k for k, token in enumerate(vocabulary)}, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(map(" ".join, merges)) + "\n")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": pad}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": limit, "do_lower_case": True, "add_prefix_space": False, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    return CLIPTokenizer.from_pretrained(folder)


def t5(folder: Path, size: int, texts: list[str], rule: str, limit: int, spiece: bool) -> T5Tokenizer:
    """A unigram model whose first three pieces are T5's; as `tokenizer.json` and, if asked for, as `spiece.model` too."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, vocab_size=size, model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        normalization_rule_name=rule, hard_vocab_limit=False, minloglevel=2, num_threads=1, character_coverage=0.999)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spiece.model").write_bytes(model.getvalue())
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer", "model_max_length": limit, "eos_token": "</s>",
                                                              "pad_token": "<pad>", "unk_token": "<unk>", "extra_ids": 100}, indent=2) + "\n")
    tokenizer = T5Tokenizer.from_pretrained(folder)
    config = (folder / "tokenizer_config.json").read_text()
    tokenizer.save_pretrained(folder)
    (folder / "tokenizer_config.json").write_text(config)
    whole = json.loads((folder / "tokenizer.json").read_text())
    whole["padding"] = whole["truncation"] = None
    (folder / "tokenizer.json").write_text(json.dumps(whole, ensure_ascii=False))
    if not spiece:
        (folder / "spiece.model").unlink()
    return T5Tokenizer.from_pretrained(folder)


def save(folder: Path, tokenizer: Any, texts: list[str], limits: list[int], every: int) -> None:
    texts = texts[::every]
    ids = [tokenizer(text, truncation=False).input_ids for text in texts]
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "ids.npy", np.concatenate(ids).astype(np.uint16))
    np.save(folder / "counts.npy", np.array([len(row) for row in ids], np.uint32))
    cut = [{"prompt": k * every, "max_length": limit, "ids": tokenizer(texts[k], padding="max_length", max_length=limit, truncation=True).input_ids}
           for limit in limits for k in range(len(texts)) if k < 3 or len(ids[k]) > limit - 2][:40]
    (folder / "limits.json").write_text("[\n" + ",\n".join(map(json.dumps, cut)) + "\n]\n")
    print(folder.name, len(texts), "prompts,", sum(map(len, ids)), "ids, longest", max(map(len, ids)))


def main() -> None:
    folder = FIXTURES / "tokens"
    shutil.rmtree(folder, ignore_errors=True)
    texts = prompts(10_000, 8)
    folder.mkdir(parents=True)
    (folder / "prompts.json").write_text(json.dumps(texts, ensure_ascii=False))
    assert json.loads((folder / "prompts.json").read_text()) == texts
    mixed = [*(list(SENTENCES.values()) + EMOJI) * 4, ENGLISH, *list(topics.values())[:25]]
    save(folder / "clip-pocket", CLIPTokenizer.from_pretrained(POCKET), texts, [48], 4)
    save(folder / "clip-mixed", clip(folder / "clip-mixed/tokenizer", 3000, mixed), texts, [77], 1)
    save(folder / "t5", t5(folder / "t5/tokenizer", 3000, mixed, "nmt_nfkc", 512, True), texts, [77, 256], 10)


if __name__ == "__main__":
    main()
