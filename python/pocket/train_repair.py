"""Train the network that repairs decoded pictures; goes on from the autoencoder's checkpoint. Latents stay as they are.

    python train_repair.py --data DIR --out DIR --minutes 10
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from autoencoder import FACTOR, Autoencoder, psnr
from encode import load
from fit_autoencoder import HELD_OUT, as_tensor, pictures

MARGIN = FACTOR // 2


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


def batch(all_pictures: np.ndarray, rng: np.random.Generator, size: int, side: int) -> Tensor:
    """Random crops on the grid of patches, half of them mirrored."""
    crops = []
    for i in rng.integers(HELD_OUT, len(all_pictures), size):
        y, x = FACTOR * rng.integers(0, (512 - side) // FACTOR + 1), FACTOR * rng.integers(0, (288 - side) // FACTOR + 1)
        crop = all_pictures[i, y : y + side, x : x + side]
        crops.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
    return as_tensor(np.stack(crops)).to(memory_format=torch.channels_last)


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
    args.add_argument("--side", type=int, default=160)
    args.add_argument("--rate", type=float, default=8e-4)
    args.add_argument("--noise", type=float, default=0.12, help="how far latents stray while training, as drawn ones do")
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--seed", type=int, default=1)
    a = args.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    rng = np.random.default_rng(a.seed)
    all_pictures = pictures(a.data)
    model = load(a.out)
    seen = torch.load(a.out / "autoencoder.pt", weights_only=True)["seen"]
    model.patch_in.requires_grad_(False)
    model.patch_out.requires_grad_(False)
    ema = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.repair.parameters(), lr=a.rate, betas=(0.9, 0.99), weight_decay=1e-3)
    begun, step, running, recent, logged = time.time(), 0, 0.0, 0, time.time()
    while (spent := time.time() - begun) < a.minutes * 60:
        for group in optimizer.param_groups:
            group["lr"] = a.rate * min(1, (step + 1) / 50) * min(1.0, 0.05 + 1.6 * (1 - spent / (a.minutes * 60)))
        real = batch(all_pictures, rng, a.batch, a.side)
        with torch.no_grad():
            latents = model.encode(real)
            latents = latents + a.noise * float(rng.random()) * torch.randn_like(latents)
            plain = F.pixel_shuffle(model.patch_out(latents), FACTOR)
        with torch.autocast("cpu", torch.bfloat16):
            made = plain + model.repair(plain)
        inner = (..., slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
        loss = loss_of(made.float()[inner], real[inner])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.repair.parameters(), 0.5)
        optimizer.step()
        step += 1
        seen += a.batch
        running += loss.item()
        recent += 1
        with torch.no_grad():
            torch._foreach_lerp_(list(ema.repair.parameters()), list(model.repair.parameters()), 1 - min(0.998, (step + 1) / (step + 12)))
        if time.time() - logged > 30:
            print(f"{spent:6.0f} s  step {step}  loss {running / recent:.4f}", flush=True)
            running, recent, logged = 0.0, 0, time.time()
    score = evaluate(ema, all_pictures, a.out / "autoencoder.png")
    torch.save({"model": ema.state_dict(), "seen": seen, "psnr": score}, a.out / "autoencoder.pt")
    print(f"done: {seen} crops, held-out PSNR {score:.2f} dB", flush=True)


if __name__ == "__main__":
    main()
