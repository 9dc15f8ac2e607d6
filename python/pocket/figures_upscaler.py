"""The figures of the upscaler's model card: against Lanczos, on held-out pictures.

    python figures_upscaler.py --model ../../assets/models/pocket-upscaler/model.onnx --data DIR/held-out --sheet crops.png
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from render_pairs import VARIANTS, Pictures

DELIVERED = (1080, 1920)
STABLE = 170.0
"""Keeps the similarity of small gradients near one, as in Xue et al., "Gradient Magnitude Similarity Deviation" (2014), for 0 ..= 255."""


def psnr(made: Pictures, real: Pictures) -> float:
    """Peak signal to noise ratio in dB."""
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((made.astype(np.float32) - real) ** 2))))


def slopes(picture: Pictures) -> NDArray[np.float32]:
    """Gradient magnitude of the luma, by Prewitt's filter."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    kernel = np.array([[1, 0, -1]] * 3, np.float32) / 3
    return np.hypot(cv2.filter2D(luma, -1, kernel), cv2.filter2D(luma, -1, kernel.T))


def gmsd(made: Pictures, real: Pictures) -> float:
    """Gradient magnitude similarity deviation, lower is better; at the full size, not at half as its authors had it."""
    a, b = slopes(made), slopes(real)
    return float(((2 * a * b + STABLE) / (a * a + b * b + STABLE)).std())


def lanczos(picture: Pictures, size: tuple[int, int]) -> Pictures:
    """Resampled with three lobes, as the program does it."""
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


class Model:
    """The exported upscaler."""

    def __init__(self, path: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def enlarge(self, picture: Pictures) -> Pictures:
        values = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32) / 255
        made = self.session.run(None, {"small": values})[0][0]
        return np.rint(made.transpose(1, 2, 0) * 255).astype(np.uint8)


def sheet(rows: list[tuple[Pictures, Pictures, Pictures]], path: Path) -> None:
    """Lanczos, ours and the truth beside each other, where the truth has most edges."""
    tiles = []
    for made in rows:
        busy = cv2.blur(slopes(made[2]), (384, 256))[128:-128, 192:-192]
        y, x = np.unravel_index(int(busy.argmax()), busy.shape)
        tiles.append(np.concatenate([picture[y : y + 256, x : x + 384] for picture in made], 1))
    Image.fromarray(np.concatenate(tiles, 0)).save(path)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--model", type=Path, required=True)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--count", type=int, default=1000)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--sheet", type=Path)
    args.add_argument("--rows", type=int, default=6)
    a = args.parse_args()
    model = Model(a.model, a.threads)
    names = sorted(a.data.glob("inputs-*[0-9].npy"))[: a.count]
    found: dict[str, list[tuple[float, ...]]] = {}
    rows, seconds = [], []
    for k, name in enumerate(names):
        inputs, real = np.load(name), np.load(name.with_name(name.name.replace("inputs", "targets")))
        size = (real.shape[1], real.shape[0])
        delivered = lanczos(real, DELIVERED)
        for variant, small in zip(VARIANTS, inputs):
            begun = time.perf_counter()
            made = model.enlarge(small)
            seconds.append(time.perf_counter() - begun)
            for target, ours, theirs, truth in (("4x", made, lanczos(small, size), real), ("delivered", lanczos(made, DELIVERED), lanczos(small, DELIVERED), delivered)):
                found.setdefault(f"{variant}, {target}", []).append((psnr(theirs, truth), psnr(ours, truth), gmsd(theirs, truth), gmsd(ours, truth)))
            if variant == VARIANTS[3 if k % 2 else 0] and len(rows) < a.rows:
                rows.append((lanczos(small, size), made, real))
    for what, values in found.items():
        mean = np.mean(values, 0)
        better = np.mean([(v[1] > v[0], v[3] < v[2]) for v in values], 0)
        print(json.dumps({"what": what, "pictures": len(values), "PSNR of Lanczos, ours": [round(float(v), 2) for v in mean[:2]], "GMSD of Lanczos, ours": [round(float(v), 4) for v in mean[2:]], "better in": [round(float(v), 2) for v in better]}), flush=True)
    print(json.dumps({"seconds a picture, median, best": [round(float(np.median(seconds)), 3), round(min(seconds), 3)], "threads": a.threads}), flush=True)
    if a.sheet:
        sheet(rows, a.sheet)


if __name__ == "__main__":
    main()
