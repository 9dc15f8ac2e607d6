"""Train the upscaler on rendered pairs; goes on from its checkpoint.

    python train_upscaler.py --data DIR/pairs --out DIR/run --minutes 30
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from render_pairs import SCALE, SIDE, VARIANTS
from upscaler import Upscaler

SHARES = (0.22, 0.16, 0.18, 0.26, 0.18)
"""How often each of `VARIANTS` is learned from, and the first of them blurred and grainy."""

NEAR = 0.02
"""A difference of five levels of 255."""


class Pairs:
    """The rendered crops in a folder, read from disk as they are drawn."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
        self.look()

    def look(self) -> None:
        """Find what is there now; rendering may still go on."""
        names = sorted(self.folder.glob("inputs-*[0-9].npy"))[len(self.files) :]
        self.files += [(np.load(n.with_name(n.name.replace("inputs", "targets")), mmap_mode="r"), np.load(n, mmap_mode="r")) for n in names]
        assert self.files, f"no pairs in {self.folder}: run render_pairs.py"

    def __len__(self) -> int:
        return sum(len(small) for _, small in self.files)

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Tensor, Tensor]:
        """Small and large crops in [0, 1]; turned, mirrored, and with channels exchanged."""
        smalls, larges = [], []
        for _ in range(size):
            targets, inputs = self.files[rng.integers(len(self.files))]
            k, variant = rng.integers(len(inputs)), rng.choice(len(SHARES), p=SHARES)
            small, large = inputs[k, variant % len(VARIANTS)], targets[k]
            turns, mirrored, channels = rng.integers(4), rng.random() < 0.5, rng.permutation(3) if rng.random() < 0.3 else np.arange(3)
            made = []
            for picture in (small, large):
                picture = np.rot90(picture, turns)[..., channels]
                made.append(torch.from_numpy(np.ascontiguousarray(picture[:, ::-1] if mirrored else picture)).permute(2, 0, 1).float() / 255)
            smalls.append(spoil(made[0], rng) if variant == len(VARIANTS) else made[0])
            larges.append(made[1])
        return torch.stack(smalls).contiguous(memory_format=torch.channels_last), torch.stack(larges)


def spoil(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Blurred by up to one pixel, and grainy by up to four levels of 255."""
    sigma = rng.uniform(0.3, 1.0)
    line = torch.exp(-torch.arange(-3, 4).float() ** 2 / (2 * sigma**2))
    kernel = torch.outer(line, line) / line.sum() ** 2
    padded = F.pad(picture[None], (3, 3, 3, 3), mode="replicate")
    soft = F.conv2d(padded, kernel.expand(3, 1, 7, 7), groups=3)[0]
    grain = torch.from_numpy(rng.standard_normal((1 if rng.random() < 0.5 else 3, SIDE, SIDE), dtype=np.float32))
    return (soft + rng.uniform(0, 4) / 255 * grain).clamp(0, 1).mul(255).round() / 255


def far(difference: Tensor) -> Tensor:
    """Mean distance: squares below `NEAR`, so that plain areas do not drown the edges, and absolute values above it."""
    return ((difference * difference + NEAR * NEAR).sqrt() - NEAR).mean()


def slopes(difference: Tensor) -> Tensor:
    """How far the slopes are apart."""
    return far(difference[..., 1:, :] - difference[..., :-1, :]) + far(difference[..., :, 1:] - difference[..., :, :-1])


def loss_of(made: Tensor, real: Tensor) -> Tensor:
    """How far pictures, and their slopes at full and at half size, are apart."""
    difference = made - real
    return far(difference) + slopes(difference) + 0.5 * slopes(F.avg_pool2d(difference, 2))


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--minutes", type=float, default=30)
    args.add_argument("--batch", type=int, default=4)
    args.add_argument("--rate", type=float, default=1e-3)
    args.add_argument("--last", type=float, default=0.02, help="the rate at the end, in parts of the first")
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--seed", type=int, default=1)
    a = args.parse_args()
    torch.set_num_threads(a.threads)
    a.out.mkdir(parents=True, exist_ok=True)
    checkpoint = a.out / "upscaler.pt"
    torch.manual_seed(a.seed)
    model, seen = Upscaler().to(memory_format=torch.channels_last), 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        seen = state["seen"]
    ema = copy.deepcopy(model)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=a.rate, betas=(0.9, 0.99), weight_decay=1e-4)
    rng = np.random.default_rng((a.seed, seen))
    pairs = Pairs(a.data)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {seen} crops seen before, {len(pairs)} crops there", flush=True)
    begun, step, running, unaided, recent, logged = time.time(), 0, 0.0, 0.0, 0, time.time()

    def save() -> None:
        torch.save({"model": ema.state_dict(), "seen": seen}, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").rename(checkpoint)

    while (spent := (time.time() - begun) / (a.minutes * 60)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = a.rate * min(1.0, (step + 1) / 100) * (a.last + (1 - a.last) * 0.5 * (1 + np.cos(np.pi * spent)))
        small, large = pairs.batch(rng, a.batch)
        # Sixteen bits are too few for the picture, and enough for what it lacks.
        with torch.no_grad():
            plain = model.plain(small)
        with torch.autocast("cpu", torch.bfloat16):
            lacks = model.lacks(small)
        made = plain + lacks.float()
        loss = loss_of(made, large)
        unaided += float(loss_of(plain, large))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.2)
        optimizer.step()
        step += 1
        seen += a.batch
        running += loss.item()
        recent += 1
        with torch.no_grad():
            torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), 1 - min(0.998, (step + 1) / (step + 12)))
        if time.time() - logged > 30:
            print(f"{time.time() - begun:6.0f} s  step {step}  loss {running / recent:.5f}, {running / unaided:.3f} of Lanczos  {seen} crops seen", flush=True)
            running, unaided, recent, logged = 0.0, 0.0, 0, time.time()
            pairs.look()
            save()
    save()
    print(f"done: {seen} crops of {SIDE} x {SIDE} to {SCALE * SIDE} x {SCALE * SIDE}", flush=True)


if __name__ == "__main__":
    main()
