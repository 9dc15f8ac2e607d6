"""Render the pictures that training needs, once, into one array on disk.

    python render.py --out DIR --count 6000 --first-seed 0
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from illustrator import SUBJECTS, Scene, render
from illustrator.stage import HEIGHT, WIDTH

def _chunk(job: tuple[str, int, int, int]) -> list[str]:
    """Render scenes [start, stop) into the array; returns their descriptions as JSON lines."""
    import cv2

    cv2.setNumThreads(1)
    path, start, stop, first_seed = job
    pictures = np.load(path, mmap_mode="r+")
    lines = []
    for i in range(start, stop):
        scene = Scene.random(first_seed + i, tuple(SUBJECTS))
        pictures[i] = render(scene)
        lines.append(json.dumps(asdict(scene)))
    return lines


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--count", type=int, default=6000)
    args.add_argument("--first-seed", type=int, default=0)
    args.add_argument("--workers", type=int, default=2)
    a = args.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    path = a.out / "pictures.npy"
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(a.count, HEIGHT, WIDTH, 3)).flush()
    jobs = [(str(path), k, min(k + 200, a.count), a.first_seed) for k in range(0, a.count, 200)]
    begun = time.time()
    with Pool(a.workers) as pool, open(a.out / "scenes.jsonl", "w") as out:
        for n, lines in enumerate(pool.imap(_chunk, jobs), 1):
            out.write("\n".join(lines) + "\n")
            print(f"{min(n * 200, a.count)}/{a.count} pictures, {time.time() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
