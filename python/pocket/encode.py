"""Render scenes and keep their latents and thumbnails, and of the first ones the pictures; run again with another first seed for more.

    python encode.py --model DIR --out DIR/latents-0 --count 9000 --first-seed 0 --pictures 4000
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch

from autoencoder import Autoencoder
from denoiser import LAYOUTS
from illustrator import SUBJECTS, Scene, render
from illustrator.stage import HEIGHT, WIDTH
from latents import thumbnail


def _render(scene: Scene) -> np.ndarray:
    import cv2

    cv2.setNumThreads(1)
    return render(scene)


def load(path: Path) -> Autoencoder:
    """The trained autoencoder."""
    model = Autoencoder()
    model.load_state_dict(torch.load(path / "autoencoder.pt", weights_only=True)["model"])
    return model.eval().to(memory_format=torch.channels_last)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--model", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--count", type=int, default=9000)
    args.add_argument("--first-seed", type=int, default=0)
    args.add_argument("--layouts", type=int, default=LAYOUTS)
    args.add_argument("--pictures", type=int, default=0, help="keep so many pictures too, for the decoder")
    args.add_argument("--workers", type=int, default=2)
    a = args.parse_args()
    torch.set_num_threads(1)
    model = load(a.model)
    scenes = [Scene.random(a.first_seed + k, tuple(SUBJECTS), a.layouts) for k in range(a.count)]
    a.out.mkdir(parents=True, exist_ok=True)
    begun, made, thumbnails = time.time(), [], []
    if a.pictures:
        kept = np.lib.format.open_memmap(a.out / "pictures.npy", mode="w+", dtype=np.uint8, shape=(a.pictures, HEIGHT, WIDTH, 3))
    with Pool(a.workers) as pool, torch.no_grad(), open(a.out / "scenes.jsonl", "w") as out:
        pictures = pool.imap(_render, scenes, chunksize=16)
        for k in range(0, a.count, 16):
            stack = np.stack([next(pictures) for _ in range(min(16, a.count - k))])
            thumbnails.append(thumbnail(stack))
            if k < a.pictures:
                kept[k : k + 16] = stack[: a.pictures - k]
            real = (torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
            made.append(model.encode(real).half().numpy())
            out.writelines(json.dumps(asdict(s)) + "\n" for s in scenes[k : k + 16])
            if k % 1600 == 0:
                print(f"{k}/{a.count}, {time.time() - begun:.0f} s", flush=True)
    np.save(a.out / "thumbnails.npy", np.concatenate(thumbnails))
    np.save(a.out / "latents.npy", np.concatenate(made))
    print(f"done in {time.time() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
