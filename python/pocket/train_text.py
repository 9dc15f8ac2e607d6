"""Train the text encoder to know what a caption names and what it looks like on average; the denoiser then learns on top of it.

Meaning is learned here, where a step costs little, rather than through the denoiser.

    python train_text.py --data DIR --out DIR --steps 2000
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

from denoiser import RANK, MeanPicture
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

    def forward(self, ids: Tensor) -> tuple[list[dict[str, Tensor]], Tensor]:
        out = self.encoder(input_ids=ids)
        states = (out.pooler_output, out.last_hidden_state.mean(1), out.last_hidden_state[:, -1])
        return [{k: head(x) for k, head in self.heads.items()} for x in states], out.last_hidden_state


def principal(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The mean of flat latents, their first `RANK` components as rows, and what each scene has of them."""
    flat = values.float().flatten(1)
    mean = flat.mean(0)
    _, _, right = torch.svd_lowrank(flat - mean, q=RANK + 16, niter=3)
    rows = right[:, :RANK].T
    return mean, rows, (flat - mean) @ rows.T


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--steps", type=int, default=2000)
    args.add_argument("--batch", type=int, default=64)
    args.add_argument("--layouts", type=int, default=4)
    args.add_argument("--seed", type=int, default=1)
    a = args.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(2)
    rng = random.Random(a.seed)
    tokenizer = CLIPTokenizer.from_pretrained(str(a.out / "tokenizer"))
    data = Latents(a.data, a.layouts)
    reader, picture = Reader(text_encoder(tokenizer)), MeanPicture()
    mean, rows, wanted = principal(data.values)
    picture.basis.weight.data.copy_(rows.T)
    picture.basis.bias.data.copy_(mean)
    energy = wanted.pow(2).mean()
    parameters = [*reader.parameters(), *picture.coefficients.parameters()]
    print(f"{len(data.scenes)} scenes, {sum(p.numel() for p in reader.encoder.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimizer = torch.optim.AdamW(parameters, lr=1.5e-3, weight_decay=0.02)
    begun = time.time()
    for step in range(a.steps):
        for group in optimizer.param_groups:
            group["lr"] = 1.5e-3 * min(1, (step + 1) / 60) * min(1.0, 0.02 + 1.6 * (1 - step / a.steps))
        picks = [rng.randrange(len(data.scenes)) for _ in range(a.batch)]
        batch = [caption(data.scenes[k], rng) if rng.random() > 0.04 else Caption("", "", "", "", "") for k in picks]
        ids, truth = tokens(tokenizer, [c.text for c in batch]), labels(batch)
        outs, hidden = reader(ids)
        loss = torch.zeros(())
        for out in outs:
            loss = loss + sum(F.cross_entropy(out[k], truth[k], label_smoothing=0.02) for k in LABELS) / 3
        missed = F.mse_loss(picture.coefficients(hidden[:, -1]), wanted[picks]) / energy
        (loss + 4 * missed).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 100 == 99:
            print(f"{time.time() - begun:5.0f} s  step {step + 1}  words {loss.item():.3f}  picture: {missed.item():.3f} of the variance missed", flush=True)
    reader.eval()
    test = [caption(rng.choice(data.scenes), rng, True) for _ in range(1000)]
    with torch.no_grad():
        out = reader(tokens(tokenizer, [c.text for c in test]))[0][0]
        truth = labels(test)
        print("held-out wordings:", {k: round(float((out[k].argmax(1) == truth[k]).float().mean()), 3) for k in LABELS}, flush=True)
        off = torch.zeros(picture.spread.shape[0])
        some = [rng.randrange(len(data.scenes)) for _ in range(512)]
        for k in range(0, 512, 64):
            group = some[k : k + 64]
            hidden = reader.encoder(input_ids=tokens(tokenizer, [caption(data.scenes[i], rng).text for i in group])).last_hidden_state
            real = data.values[group].float()
            off += (picture(hidden, real) - real).pow(2).mean((0, 2, 3)) / 8
        picture.spread.copy_(off.sqrt())
    print("pictures stray from their mean by", [round(v, 2) for v in picture.spread.tolist()[:12]], flush=True)
    torch.save({"encoder": reader.encoder.state_dict(), "heads": reader.heads.state_dict(), "mean": picture.state_dict()}, a.out / "text.pt")


if __name__ == "__main__":
    main()
