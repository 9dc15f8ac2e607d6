"""Render what the upscaler learns from: crops of scenes at four times the size, and what they look like at the size pocket draws.

    python render_pairs.py --out DIR --scenes 1200 --first-seed 3000000
    python render_pairs.py --out DIR/held-out --scenes 48 --first-seed 5000000 --whole

Each pair has one target and four inputs: the scene drawn small, the target averaged to a quarter, and the drawn one through pocket's
autoencoder as it is and with latents that stray, as drawn ones do. Goes on where it stopped: files that are there stay.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from illustrator import SUBJECTS, Scene, render
from illustrator.stage import HEIGHT, WIDTH

SCALE = 4
SIDE = 64
"""Pixels on a side of a small crop."""
CROPS = 8
"""Crops of a scene: six of the busiest of sixteen places, two of the others."""
STRAY = 0.25
"""How far latents stray at most, in their own unit."""
SCENES_A_FILE = 25
VARIANTS = ("drawn small", "averaged", "autoencoded", "autoencoded, straying")

Pictures = NDArray[np.uint8]


class Autoencoder:
    """The encoder and decoder that ship with pocket, one thread each."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.encoder, self.decoder = (ort.InferenceSession(str(model / f"vae_{part}" / "model.onnx"), options, providers=["CPUExecutionProvider"]) for part in ("encoder", "decoder"))

    def encode(self, picture: Pictures) -> NDArray[np.float32]:
        """Latents of a (height, width, 3) picture."""
        values = picture.astype(np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
        return self.encoder.run(None, {self.encoder.get_inputs()[0].name: values})[0]

    def decode(self, latents: NDArray[np.float32]) -> Pictures:
        """The picture, rounded as the program rounds it."""
        values = self.decoder.run(None, {self.decoder.get_inputs()[0].name: latents})[0][0]
        return np.clip(np.rint((values.transpose(1, 2, 0) + 1) * 127.5), 0, 255).astype(np.uint8)


def pair(scene: Scene, autoencoder: Autoencoder, rng: np.random.Generator) -> tuple[Pictures, Pictures]:
    """The scene large, and its `VARIANTS` small."""
    large, small = render(scene, SCALE * WIDTH, SCALE * HEIGHT), render(scene)
    averaged = cv2.resize(large, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    latents = autoencoder.encode(small)
    stray = latents + rng.uniform(0, STRAY) * rng.standard_normal(latents.shape, dtype=np.float32)
    return large, np.stack([small, averaged, autoencoder.decode(latents), autoencoder.decode(stray)])


def places(small: Pictures, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Where to crop: (y, x) of each crop's corner."""
    found = [(int(rng.integers(0, HEIGHT - SIDE + 1)), int(rng.integers(0, WIDTH - SIDE + 1))) for _ in range(2 * CROPS)]
    edges = np.abs(cv2.Laplacian(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), cv2.CV_32F))
    found.sort(key=lambda at: -float(edges[at[0] : at[0] + SIDE, at[1] : at[1] + SIDE].mean()))
    rest = found[CROPS - 2 :]
    return found[: CROPS - 2] + [rest[k] for k in rng.choice(len(rest), 2, replace=False)]


def scene_of(seed: int) -> Scene:
    """The scene of this seed, of any subject in any layout."""
    return Scene.random(seed, tuple(SUBJECTS))


def crops(seed: int, autoencoder: Autoencoder) -> tuple[Pictures, Pictures]:
    """Targets (CROPS, 4 * SIDE, 4 * SIDE, 3) and inputs (CROPS, variants, SIDE, SIDE, 3) of one scene."""
    rng = np.random.default_rng(seed)
    large, small = pair(scene_of(seed), autoencoder, rng)
    targets, inputs = [], []
    for y, x in places(small[0], rng):
        targets.append(large[SCALE * y : SCALE * (y + SIDE), SCALE * x : SCALE * (x + SIDE)])
        inputs.append(small[:, y : y + SIDE, x : x + SIDE])
    return np.stack(targets), np.stack(inputs)


def save(path: Path, values: Pictures) -> None:
    """Write whole or not at all."""
    fresh = path.with_suffix(".part.npy")
    np.save(fresh, values)
    fresh.rename(path)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--model", type=Path, default=Path(__file__).parents[2] / "assets/models/pocket")
    args.add_argument("--scenes", type=int, default=1200)
    args.add_argument("--first-seed", type=int, default=3_000_000)
    args.add_argument("--whole", action="store_true", help="whole pictures instead of crops, to measure on")
    a = args.parse_args()
    cv2.setNumThreads(1)
    a.out.mkdir(parents=True, exist_ok=True)
    autoencoder = Autoencoder(a.model)
    begun = time.time()
    step = 1 if a.whole else SCENES_A_FILE
    for start in range(0, a.scenes, step):
        seeds = range(a.first_seed + start, a.first_seed + min(start + step, a.scenes))
        targets, inputs = a.out / f"targets-{seeds[0]}.npy", a.out / f"inputs-{seeds[0]}.npy"
        if inputs.exists():
            continue
        if a.whole:
            large, small = pair(scene_of(seeds[0]), autoencoder, np.random.default_rng(seeds[0]))
        else:
            made = [crops(seed, autoencoder) for seed in seeds]
            large, small = (np.concatenate(part) for part in zip(*made))
        save(targets, large)
        save(inputs, small)
        print(f"{start + len(seeds)}/{a.scenes} scenes, {time.time() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
