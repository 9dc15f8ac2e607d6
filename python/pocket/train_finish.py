"""Train the network that takes away what is left of the patches; goes on from the autoencoder's checkpoint, all else of which stays.

It learns from the same pictures and latents as the repairs before it.

    python train_finish.py --data DIR --out DIR --minutes 12
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from encode import load
from train_repair import Pairs, descend, evaluate, loss_of


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--minutes", type=float, default=12)
    args.add_argument("--batch", type=int, default=6)
    args.add_argument("--rows", type=int, default=6, help="rows of patches at a time")
    args.add_argument("--rate", type=float, default=2e-3)
    args.add_argument("--noise", type=float, default=0.08, help="how far latents stray while training, as drawn ones do")
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--seed", type=int, default=2)
    a = args.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    rng = np.random.default_rng(a.seed)
    model = load(a.out)
    pairs = Pairs(a.data, a.out, model)
    seen = torch.load(a.out / "autoencoder.pt", weights_only=True)["seen"]
    print(f"before: held-out PSNR {evaluate(model, pairs.any, a.out / 'autoencoder.png'):.2f} dB", flush=True)

    def loss() -> Tensor:
        latents, real = pairs.batch(rng, a.batch, a.rows, a.noise)
        with torch.no_grad():
            pixels = model.unfinished(latents)
        return loss_of(pixels + model.finish(pixels), real)

    ema = copy.deepcopy(model)
    steps = descend(model.finish, ema.finish, loss, a.minutes, a.rate, last=0.02, decay=1e-4)
    score = evaluate(ema, pairs.any, a.out / "autoencoder.png")
    torch.save({"model": ema.state_dict(), "seen": seen + a.batch * steps, "psnr": score}, a.out / "autoencoder.pt")
    print(f"done: {steps} steps, held-out PSNR {score:.2f} dB", flush=True)


if __name__ == "__main__":
    main()
