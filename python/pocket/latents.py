"""The encoded scenes on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from illustrator import Scene


def thumbnail(pictures: np.ndarray) -> np.ndarray:
    """Pictures (..., height, width, 3) at a quarter of their size: what the classifier of the figures sees."""
    *some, height, width, _ = pictures.shape
    return pictures.reshape(*some, height // 4, 4, width // 4, 4, 3).mean((-4, -2)).astype(np.uint8)


class Latents:
    """All encoded scenes in a folder of `latents-*` folders; with `layouts`, only those of so many layouts a subject."""

    def __init__(self, root: Path, layouts: int = 0) -> None:
        arrays, self.scenes = [], []
        for folder in sorted(root.glob("latents-*")):
            if not (folder / "latents.npy").exists():
                continue
            scenes = [Scene(**json.loads(line)) for line in open(folder / "scenes.jsonl")]
            keep = [k for k, s in enumerate(scenes) if not layouts or s.seed < layouts]
            arrays.append(np.load(folder / "latents.npy", mmap_mode="r")[keep])
            self.scenes += [scenes[k] for k in keep]
        self.values = torch.from_numpy(np.concatenate(arrays))

    def __len__(self) -> int:
        return len(self.scenes)
