"""Train the network that repairs decoded pictures; goes on from the autoencoder's checkpoint. Latents stay as they are.

Once there is a prior, most pictures are decoded from what lies between their own latents and what the prior makes of their captions, so
that the decoder learns to sharpen what will be drawn.

    python train_repair.py --data DIR --out DIR --minutes 10
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTokenizer

from autoencoder import CHANNELS, FACTOR, Autoencoder, flat_patches, psnr
from denoiser import GRID, Prior
from encode import load
from fit_autoencoder import HELD_OUT, as_tensor, pictures
from illustrator import Scene
from illustrator.caption import caption
from train_text import text_encoder, tokens


def gradient_loss(a: Tensor, b: Tensor) -> Tensor:
    """How far the slopes differ."""
    d = a - b
    return (d[..., 1:, :] - d[..., :-1, :]).abs().mean() + (d[..., :, 1:] - d[..., :, :-1]).abs().mean()


def loss_of(made: Tensor, real: Tensor) -> Tensor:
    """L1 and gradient at three scales."""
    total = F.l1_loss(made, real) + 2 * F.mse_loss(made, real)
    for k in range(3):
        if k:
            made, real = F.avg_pool2d(made, 2), F.avg_pool2d(real, 2)
        total = total + 0.5 * gradient_loss(made, real)
    return total


class Pairs:
    """Pictures and the latents they are to be decoded from: their own, or what the prior makes of their captions."""

    def __init__(self, data: Path, run: Path, model: Autoencoder) -> None:
        self.any = pictures(data / "any")
        self.taught = np.load(data / "latents-0" / "pictures.npy", mmap_mode="r")
        self.model = model
        self.drawn: Tensor | None = None
        if (run / "prior.pt").exists():
            scenes = [Scene(**json.loads(line)) for line in open(data / "latents-0" / "scenes.jsonl")][: len(self.taught)]
            self.drawn = drawn(run, scenes)

    def draw(self, rng: np.random.Generator, rows: int, noise: float) -> tuple[Tensor, Tensor]:
        """Latents of `rows` rows of one picture, and the picture; how far the latents are off differs from time to time."""
        taught = self.drawn is not None and rng.random() < 0.7
        some = self.taught if taught else self.any
        i = int(rng.integers(0 if taught else HELD_OUT, len(some)))
        top = int(rng.integers(0, 16 - rows + 1))
        real = as_tensor(some[i : i + 1, FACTOR * top : FACTOR * (top + rows)])
        latents = self.model.encode(real)
        if taught:
            assert self.drawn is not None
            likely = self.drawn[i : i + 1, :, top : top + rows].float()
            latents = likely + max(0.0, 1.6 * float(rng.random()) - 0.6) * (latents - likely) + 0.9 * float(rng.random()) * self.error(rng, rows)
        return latents + noise * float(rng.random()) * torch.randn_like(latents), real

    def error(self, rng: np.random.Generator, rows: int) -> Tensor:
        """How far the prior was off in some other picture: on scenes it has not learned by heart it strays in that way."""
        assert self.drawn is not None
        j, top = int(rng.integers(len(self.taught))), int(rng.integers(0, 16 - rows + 1))
        own = self.model.encode(as_tensor(self.taught[j : j + 1, FACTOR * top : FACTOR * (top + rows)]))
        return own - self.drawn[j : j + 1, :, top : top + rows].float()

    @torch.no_grad()
    def batch(self, rng: np.random.Generator, size: int, rows: int, noise: float) -> tuple[Tensor, Tensor]:
        """Several of them."""
        latents, real = zip(*(self.draw(rng, rows, noise) for _ in range(size)))
        return torch.cat(latents), torch.cat(real)

    def lacking(self, rng: np.random.Generator, count: int, noise: float) -> Iterator[tuple[Tensor, Tensor]]:
        """Latents and what their components lack of the picture, for `count` batches."""
        for _ in range(count):
            latents, real = self.batch(rng, 10, 16, noise)
            yield latents, flat_patches(real - F.pixel_shuffle(self.model.patch_out(latents), FACTOR))


@torch.no_grad()
def drawn(run: Path, scenes: list[Scene]) -> Tensor:
    """What the prior holds likely for a caption of each scene, in the scene's own layout."""
    tokenizer = CLIPTokenizer.from_pretrained(str(run / "tokenizer"))
    encoder, prior, rng = text_encoder(tokenizer).eval(), Prior(), random.Random(4)
    encoder.load_state_dict(torch.load(run / "text.pt", weights_only=True)["encoder"])
    prior.load_state_dict(torch.load(run / "prior.pt", weights_only=True))
    made = []
    for k in range(0, len(scenes), 100):
        some = scenes[k : k + 100]
        text = encoder(input_ids=tokens(tokenizer, [caption(s, rng, named=True).text for s in some])).last_hidden_state
        means, _ = prior.read(text)
        like = torch.empty(len(some), CHANNELS, *GRID)
        made.append((prior.middle(like) + prior.compose(means[torch.arange(len(some)), [s.seed for s in some]], like)).half())
    return torch.cat(made)


def descend(part: nn.Module, average: nn.Module, loss: Callable[[], Tensor], minutes: float, rate: float, last: float, decay: float) -> int:
    """Train `part` for so long, at a rate that falls to a share of `last`, and keep its moving average; returns the steps."""
    optimizer = torch.optim.AdamW(part.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=decay)
    begun, step, running, recent, logged = time.time(), 0, 0.0, 0, time.time()
    while (spent := time.time() - begun) < minutes * 60:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 50) * min(1.0, last + 1.6 * (1 - spent / (minutes * 60)))
        found = loss()
        optimizer.zero_grad(set_to_none=True)
        found.backward()
        torch.nn.utils.clip_grad_norm_(part.parameters(), 0.5)
        optimizer.step()
        step += 1
        running += found.item()
        recent += 1
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(part.parameters()), 1 - min(0.998, (step + 1) / (step + 12)))
        if time.time() - logged > 30:
            print(f"{spent:6.0f} s  step {step}  loss {running / recent:.4f}", flush=True)
            running, recent, logged = 0.0, 0, time.time()
    return step


@torch.no_grad()
def evaluate(model: Autoencoder, all_pictures: np.ndarray, sheet: Path) -> float:
    """Mean PSNR on held-out pictures; writes pairs to look at."""
    scores, tiles = [], []
    for k in range(0, HELD_OUT, 8):
        real = as_tensor(all_pictures[k : k + 8])
        made = model.decode(model.encode(real))
        scores.append(psnr(made, real))
        if k < 16:
            tiles.append(torch.cat((real, made), 2))
    rows = ((torch.cat(tiles).clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
    Image.fromarray(np.concatenate([np.concatenate(list(rows[r : r + 8]), 1) for r in (0, 8)], 0)[::2, ::2]).save(sheet)
    return float(torch.cat(scores).mean())


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--minutes", type=float, default=10)
    args.add_argument("--batch", type=int, default=4)
    args.add_argument("--rows", type=int, default=8, help="rows of patches at a time")
    args.add_argument("--rate", type=float, default=3e-4)
    args.add_argument("--solve", type=int, default=120, help="batches of ten pictures for the closed form")
    args.add_argument("--noise", type=float, default=0.08, help="how far latents stray while training, as drawn ones do")
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--seed", type=int, default=1)
    a = args.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    rng = np.random.default_rng(a.seed)
    model = load(a.out)
    pairs = Pairs(a.data, a.out, model)
    seen = torch.load(a.out / "autoencoder.pt", weights_only=True)["seen"]
    model.patch_in.requires_grad_(False)
    model.patch_out.requires_grad_(False)
    if a.solve:
        with torch.no_grad():
            model.repair.solve(pairs.lacking(rng, a.solve, a.noise))
        print(f"linear part solved: held-out PSNR {evaluate(model, pairs.any, a.out / 'autoencoder.png'):.2f} dB", flush=True)

    def loss() -> Tensor:
        latents, real = pairs.batch(rng, a.batch, a.rows, a.noise)
        with torch.autocast("cpu", torch.bfloat16):
            lacking = model.repair(latents)
        made = F.pixel_shuffle(model.patch_out(latents) + lacking.float(), FACTOR)
        inner = (..., slice(FACTOR, -FACTOR), slice(None))
        return loss_of(made[inner], real[inner])

    ema = copy.deepcopy(model)
    seen += a.batch * descend(model.repair, ema.repair, loss, a.minutes, a.rate, last=0.05, decay=1e-3)
    score = evaluate(ema, pairs.any, a.out / "autoencoder.png")
    torch.save({"model": ema.state_dict(), "seen": seen, "psnr": score}, a.out / "autoencoder.pt")
    print(f"done: {seen} crops, held-out PSNR {score:.2f} dB", flush=True)


if __name__ == "__main__":
    main()
