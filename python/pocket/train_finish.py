"""Train the network that takes away what is left of the patches; goes on from the autoencoder's checkpoint, all else of which stays.

It learns from the same pictures and latents as the repairs before it.

    python train_finish.py --data DIR --out DIR --minutes 12
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch

from encode import load
from train_repair import Pairs, evaluate, loss_of


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
    ema = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.finish.parameters(), lr=a.rate, betas=(0.9, 0.99), weight_decay=1e-4)
    begun, step, running, recent, logged = time.time(), 0, 0.0, 0, time.time()
    while (spent := time.time() - begun) < a.minutes * 60:
        for group in optimizer.param_groups:
            group["lr"] = a.rate * min(1, (step + 1) / 50) * min(1.0, 0.02 + 1.6 * (1 - spent / (a.minutes * 60)))
        latents, real = pairs.batch(rng, a.batch, a.rows, a.noise)
        with torch.no_grad():
            pixels = model.unfinished(latents)
        loss = loss_of(pixels + model.finish(pixels), real)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.finish.parameters(), 0.5)
        optimizer.step()
        step += 1
        seen += a.batch
        running += loss.item()
        recent += 1
        with torch.no_grad():
            torch._foreach_lerp_(list(ema.finish.parameters()), list(model.finish.parameters()), 1 - min(0.998, (step + 1) / (step + 12)))
        if time.time() - logged > 30:
            print(f"{spent:6.0f} s  step {step}  loss {running / recent:.4f}", flush=True)
            running, recent, logged = 0.0, 0, time.time()
    score = evaluate(ema, pairs.any, a.out / "autoencoder.png")
    torch.save({"model": ema.state_dict(), "seen": seen, "psnr": score}, a.out / "autoencoder.pt")
    print(f"done: {step} steps, held-out PSNR {score:.2f} dB", flush=True)


if __name__ == "__main__":
    main()
