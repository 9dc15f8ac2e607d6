"""Train the text encoder to know what a caption names; the prior and the denoiser then learn on top of it.

Meaning is learned here, where a step costs little, rather than through the denoiser. Goes on from its checkpoint when there is one.

    python train_text.py --out DIR --minutes 30
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from denoiser import TEXT_WIDTH as WIDTH
from illustrator import STYLES, SUBJECTS, Scene
from illustrator.caption import Caption, caption
from illustrator.light import LIGHTS, WEATHERS

LABELS: dict[str, tuple[str, ...]] = {"subject": ("", *SUBJECTS), "light": ("", *LIGHTS), "weather": ("", *WEATHERS), "style": ("", *STYLES)}


def text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A small CLIP text model for this tokenizer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            projection_dim=WIDTH,
            hidden_act="quick_gelu",
        )
    )


def tokens(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Padded ids, (batch, context)."""
    return tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids


def labels(captions: list[Caption]) -> dict[str, Tensor]:
    """What each caption names, as class numbers."""
    return {k: torch.tensor([values.index(getattr(c, k)) for c in captions]) for k, values in LABELS.items()}


class Reader(nn.Module):
    """The text encoder with a head for each kind of label, on the end token and on the mean of all."""

    def __init__(self, encoder: CLIPTextModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleDict({k: nn.Linear(WIDTH, len(v)) for k, v in LABELS.items()})

    def forward(self, ids: Tensor) -> list[dict[str, Tensor]]:
        out = self.encoder(input_ids=ids)
        states = (out.pooler_output, out.last_hidden_state.mean(1), out.last_hidden_state[:, -1])
        return [{k: head(x) for k, head in self.heads.items()} for x in states]


def alike(captions: list[Caption], ids: Tensor, end: int, parts: int = 4) -> list[tuple[list[Caption], Tensor]]:
    """Batches of captions of about one length, without the padding they do not need; one of them with all of it."""
    lengths = (ids != end).sum(1) + 1
    order, made = lengths.argsort(), []
    for k, picks in enumerate(order.chunk(parts)):
        longest = ids.shape[1] if k == parts - 1 else int(lengths[picks].max()) + 1
        made.append(([captions[i] for i in picks.tolist()], ids[picks, :longest]))
    return made


def garbled(ids: Tensor, tokenizer: CLIPTokenizer, share: float = 0.04) -> Tensor:
    """The ids with a few of them made others, so that no meaning hangs on one word alone."""
    special = (ids == tokenizer.bos_token_id) | (ids == tokenizer.eos_token_id)
    change = (torch.rand(ids.shape) < share) & ~special
    return torch.where(change, torch.randint(512, tokenizer.bos_token_id, ids.shape), ids)


@torch.no_grad()
def examine(reader: Reader, tokenizer: CLIPTokenizer) -> None:
    """Share of held-out wordings understood, and what is read for the others."""
    reader.eval()
    rng, names = random.Random(5), tuple(SUBJECTS)
    test = [caption(Scene.random(60_000_000 + k, names), rng, True) for k in range(1000)]
    truth, parts = labels(test), [reader(tokens(tokenizer, [c.text for c in test[k : k + 100]]))[2] for k in range(0, 1000, 100)]
    out = {k: torch.cat([p[k] for p in parts]).argmax(1) for k in LABELS}
    print("held-out wordings:", {k: round(float((out[k] == truth[k]).float().mean()), 3) for k in LABELS}, flush=True)
    wrong = Counter((LABELS["subject"][int(t)], LABELS["subject"][int(o)]) for t, o in zip(truth["subject"], out["subject"]) if t != o)
    print("taken for another:", [f"{t}: {o} ({n})" for (t, o), n in wrong.most_common(6)], flush=True)
    reader.train()


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--minutes", type=float, default=30)
    args.add_argument("--batch", type=int, default=64)
    args.add_argument("--rate", type=float, default=1.5e-3)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--bf16", action="store_true")
    args.add_argument("--seed", type=int, default=1)
    a = args.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    rng, names = random.Random(a.seed), tuple(SUBJECTS)
    tokenizer = CLIPTokenizer.from_pretrained(str(a.out / "tokenizer"))
    reader = Reader(text_encoder(tokenizer))
    saved = a.out / "text.pt"
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        reader.encoder.load_state_dict(state["encoder"])
        reader.heads.load_state_dict(state["heads"])
    print(f"{sum(p.numel() for p in reader.encoder.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=a.rate, weight_decay=0.02)
    begun, step, running = time.time(), 0, 0.0
    waiting: list[tuple[list[Caption], Tensor]] = []
    while (spent := time.time() - begun) < a.minutes * 60:
        for group in optimizer.param_groups:
            group["lr"] = a.rate * min(1, (step + 1) / 60) * min(1.0, 0.02 + 1.6 * (1 - spent / (a.minutes * 60)))
        if not waiting:
            some = [caption(Scene.random(rng.getrandbits(40), names), rng) if rng.random() > 0.04 else Caption("", "", "", "", "") for _ in range(a.batch * 4)]
            waiting = alike(some, tokens(tokenizer, [c.text for c in some]), tokenizer.eos_token_id)
            rng.shuffle(waiting)
        batch, ids = waiting.pop()
        ids, truth = garbled(ids, tokenizer), labels(batch)
        with torch.autocast("cpu", torch.bfloat16, enabled=a.bf16):
            outs = reader(ids)
        loss = torch.zeros(())
        for out in outs:
            loss = loss + sum(F.cross_entropy(out[k].float(), truth[k], label_smoothing=0.02) for k in LABELS) / 3
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        running += loss.item()
        if step % 100 == 0:
            print(f"{spent:5.0f} s  step {step}  loss {running / 100:.3f}", flush=True)
            running = 0.0
        if step % 1000 == 0:
            examine(reader, tokenizer)
    print(f"{step} steps", flush=True)
    examine(reader, tokenizer)
    torch.save({"encoder": reader.encoder.state_dict(), "heads": reader.heads.state_dict(), "steps": step}, saved)


if __name__ == "__main__":
    main()
