"""Train the text encoder to know what a caption names; the prior and the denoiser then learn on top of it.

Meaning is learned here, where a step costs little, rather than through the denoiser. Goes on from its checkpoint when there is one.

    python train_text.py --data DIR --out DIR --steps 1200
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from denoiser import TEXT_WIDTH as WIDTH
from illustrator import STYLES, SUBJECTS
from illustrator.caption import Caption, caption
from illustrator.light import LIGHTS, WEATHERS
from latents import Latents

LABELS: dict[str, tuple[str, ...]] = {"subject": ("", *SUBJECTS), "light": ("", *LIGHTS), "weather": ("", *WEATHERS), "style": ("", *STYLES)}


def text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A small CLIP text model for this tokenizer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=3,
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


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--steps", type=int, default=1200)
    args.add_argument("--batch", type=int, default=64)
    args.add_argument("--layouts", type=int, default=4)
    args.add_argument("--seed", type=int, default=1)
    a = args.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(2)
    rng = random.Random(a.seed)
    tokenizer = CLIPTokenizer.from_pretrained(str(a.out / "tokenizer"))
    data = Latents(a.data, a.layouts)
    reader = Reader(text_encoder(tokenizer))
    saved = a.out / "text.pt"
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        reader.encoder.load_state_dict(state["encoder"])
        reader.heads.load_state_dict(state["heads"])
    print(f"{sum(p.numel() for p in reader.encoder.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=1.5e-3, weight_decay=0.02)
    begun = time.time()
    for step in range(a.steps):
        for group in optimizer.param_groups:
            group["lr"] = 1.5e-3 * min(1, (step + 1) / 60) * min(1.0, 0.02 + 1.6 * (1 - step / a.steps))
        picks = [rng.randrange(len(data.scenes)) for _ in range(a.batch)]
        batch = [caption(data.scenes[k], rng) if rng.random() > 0.04 else Caption("", "", "", "", "") for k in picks]
        ids, truth = tokens(tokenizer, [c.text for c in batch]), labels(batch)
        outs = reader(ids)
        loss = torch.zeros(())
        for out in outs:
            loss = loss + sum(F.cross_entropy(out[k], truth[k], label_smoothing=0.02) for k in LABELS) / 3
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 100 == 99:
            print(f"{time.time() - begun:5.0f} s  step {step + 1}  loss {loss.item():.3f}", flush=True)
    reader.eval()
    test = [caption(rng.choice(data.scenes), rng, True) for _ in range(1000)]
    with torch.no_grad():
        out = reader(tokens(tokenizer, [c.text for c in test]))[0]
        truth = labels(test)
        print("held-out wordings:", {k: round(float((out[k].argmax(1) == truth[k]).float().mean()), 3) for k in LABELS}, flush=True)
    torch.save({"encoder": reader.encoder.state_dict(), "heads": reader.heads.state_dict()}, saved)


if __name__ == "__main__":
    main()
