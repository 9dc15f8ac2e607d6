"""Train the autoencoder on rendered pictures; goes on from its checkpoint when there is one.

    python train_autoencoder.py --data DIR --out DIR --minutes 25
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

from autoencoder import Autoencoder, psnr

HELD_OUT = 64


def gradient_loss(a: Tensor, b: Tensor) -> Tensor:
    """How far the slopes differ."""
    d = a - b
    return (d[..., 1:, :] - d[..., :-1, :]).abs().mean() + (d[..., :, 1:] - d[..., :, :-1]).abs().mean()


def loss_of(made: Tensor, real: Tensor) -> Tensor:
    """L1 and gradient at three scales."""
    total = F.l1_loss(made, real)
    for k in range(3):
        if k:
            made, real = F.avg_pool2d(made, 2), F.avg_pool2d(real, 2)
            total = total + 0.4 * F.l1_loss(made, real)
        total = total + 0.5 * gradient_loss(made, real)
    return total


def batch(pictures: np.ndarray, rng: np.random.Generator, size: int, side: int) -> Tensor:
    """Random crops, half of them mirrored."""
    crops = []
    for i in rng.integers(HELD_OUT, len(pictures), size):
        y, x = rng.integers(0, 512 - side + 1), rng.integers(0, 288 - side + 1)
        crop = pictures[i, y : y + side, x : x + side]
        crops.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
    stack = torch.from_numpy(np.ascontiguousarray(np.stack(crops))).permute(0, 3, 1, 2)
    return (stack.float() / 127.5 - 1).to(memory_format=torch.channels_last)


@torch.no_grad()
def evaluate(model: Autoencoder, pictures: np.ndarray, sheet: Path) -> float:
    """Mean PSNR on held-out pictures; writes pairs to look at."""
    model.eval()
    scores, tiles = [], []
    for k in range(0, HELD_OUT, 8):
        real = torch.from_numpy(pictures[k : k + 8]).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.autocast("cpu", torch.bfloat16):
            made = model.decode(model.encode(real)).float()
        scores.append(psnr(made, real))
        if k < 16:
            tiles.append(torch.cat((real, made), 2))
    rows = ((torch.cat(tiles).clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
    grid = np.concatenate([np.concatenate(list(rows[r : r + 8]), 1) for r in range(0, 16, 8)], 0)
    Image.fromarray(grid[::2, ::2]).save(sheet)
    return float(torch.cat(scores).mean())


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--minutes", type=float, default=25)
    args.add_argument("--batch", type=int, default=8)
    args.add_argument("--side", type=int, default=192)
    args.add_argument("--rate", type=float, default=1.2e-3)
    args.add_argument("--seed", type=int, default=1)
    a = args.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(2)
    rng = np.random.default_rng(a.seed)
    pictures = np.load(a.data / "pictures.npy", mmap_mode="r")
    a.out.mkdir(parents=True, exist_ok=True)
    model = Autoencoder().to(memory_format=torch.channels_last)
    seen = 0
    saved = a.out / "autoencoder.pt"
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        model.load_state_dict(state["ema"])
        seen = state["seen"]
    ema = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=a.rate, betas=(0.9, 0.99), weight_decay=1e-3)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {seen} crops seen before", flush=True)
    begun, step, running, logged, sheets = time.time(), 0, 0.0, time.time(), time.time()
    while (spent := time.time() - begun) < a.minutes * 60:
        done = spent / (a.minutes * 60)
        for group in optimizer.param_groups:
            group["lr"] = a.rate * min(1, (step + 1) / 100) * min(1.0, 0.02 + 1.6 * (1 - done))
        real = batch(pictures, rng, a.batch, a.side)
        model.train()
        with torch.autocast("cpu", torch.bfloat16):
            latents = model.encode(real)
            latents = latents + 0.1 * torch.randn_like(latents)
            if rng.random() < 0.2:  # the first channels carry the most
                latents = latents * (torch.arange(latents.shape[1]) < int(rng.choice((12, 24, 36))))[None, :, None, None]
            made = model.decode(latents)
        loss = loss_of(made.float(), real)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        seen += a.batch
        running += loss.item()
        keep = min(0.998, (step + 1) / (step + 12))
        with torch.no_grad():
            for e, m in zip(ema.parameters(), model.parameters()):
                e.lerp_(m, 1 - keep)
            for e, m in zip(ema.buffers(), model.buffers()):
                e.copy_(m)
        if time.time() - logged > 30:
            print(f"{spent:6.0f} s  step {step}  crops {seen}  loss {running / max(1, step % 10**9):.4f}  now {loss.item():.4f}", flush=True)
            logged = time.time()
        if time.time() - sheets > 240:
            print(f"{spent:6.0f} s  held-out PSNR {evaluate(ema, pictures, a.out / 'autoencoder.png'):.2f} dB", flush=True)
            torch.save({"ema": ema.state_dict(), "seen": seen}, saved)
            sheets = time.time()
    score = evaluate(ema, pictures, a.out / "autoencoder.png")
    torch.save({"ema": ema.state_dict(), "seen": seen, "psnr": score}, saved)
    print(f"done: {seen} crops, held-out PSNR {score:.2f} dB", flush=True)


if __name__ == "__main__":
    main()
