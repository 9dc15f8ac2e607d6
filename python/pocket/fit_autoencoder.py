"""Fit the autoencoder's components to rendered pictures.

    python fit_autoencoder.py --data DIR --out DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from autoencoder import Autoencoder, patches_of, psnr

HELD_OUT = 64


def pictures(data: Path) -> np.ndarray:
    """The rendered pictures; the first `HELD_OUT` are for measuring only."""
    return np.load(data / "pictures.npy", mmap_mode="r")


def as_tensor(some: np.ndarray) -> torch.Tensor:
    """(batch, height, width, 3) bytes to (batch, 3, height, width) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(some)).permute(0, 3, 1, 2).float() / 127.5 - 1


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--count", type=int, default=900)
    a = args.parse_args()
    torch.manual_seed(1)
    all_pictures = pictures(a.data)
    rng = np.random.default_rng(1)
    some = all_pictures[np.sort(rng.choice(np.arange(HELD_OUT, len(all_pictures)), a.count, replace=False))]
    patches = patches_of(torch.from_numpy(some))
    model = Autoencoder()
    model.fit(patches[torch.randperm(len(patches))[:60000]])
    real = as_tensor(all_pictures[:HELD_OUT])
    with torch.no_grad():
        latents = model.encode(real)
        score = float(psnr(model.decode(latents), real).mean())
    a.out.mkdir(parents=True, exist_ok=True)
    torch.save({"model": model.state_dict(), "seen": 0, "psnr": score}, a.out / "autoencoder.pt")
    print(f"held-out PSNR {score:.2f} dB; latents mean {float(latents.mean()):.3f}, std {float(latents.std()):.3f}", flush=True)


if __name__ == "__main__":
    main()
