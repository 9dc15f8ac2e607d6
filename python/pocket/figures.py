"""The figures of the model card: does a classifier that knows renders only recognise what pocket draws?

    python figures.py --model ../../assets/models/pocket --work DIR --count 200
"""

from __future__ import annotations

import argparse
import json
import random
import time
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import onnxruntime as ort
import scipy.linalg
import torch
from diffusers import DDIMScheduler
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTokenizer

from autoencoder import FACTOR
from illustrator import STYLES, Scene, render
from illustrator.caption import LIGHT_WORDS, STYLE_WORDS, SUBJECT_WORDS, caption
from illustrator.light import LIGHTS, WEATHERS
from render import CORE
from train_text import tokens

KINDS: dict[str, tuple[str, ...]] = {"subject": CORE, "light": tuple(LIGHTS), "weather": WEATHERS, "style": STYLES}
SMALL = (128, 72)
HELD_OUT_SEED = 50_000_000


class Pocket:
    """The exported model, run by ONNX Runtime as any diffusers pipeline would."""

    def __init__(self, model: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.parts = {p: ort.InferenceSession(str(model / p / "model.onnx"), options, providers=["CPUExecutionProvider"]) for p in ("text_encoder", "unet", "vae_decoder", "vae_encoder")}
        self.tokenizer = CLIPTokenizer.from_pretrained(str(model / "tokenizer"))
        self.scheduler = DDIMScheduler.from_pretrained(str(model / "scheduler"))
        self.channels = json.loads((model / "unet" / "config.json").read_text())["in_channels"]
        self.inside = 0.0

    def _run(self, part: str, **inputs: np.ndarray) -> np.ndarray:
        begun = time.perf_counter()
        made = self.parts[part].run(None, inputs)[0]
        self.inside += time.perf_counter() - begun
        return np.asarray(made)

    def draw(self, prompt: str, seed: int, steps: int = 12, guidance: float = 1.5, height: int = 512, width: int = 288) -> np.ndarray:
        """One picture, (height, width, 3)."""
        hidden = self._run("text_encoder", input_ids=tokens(self.tokenizer, ["", prompt]).numpy())
        self.scheduler.set_timesteps(steps)
        latents = torch.randn(1, self.channels, height // FACTOR, width // FACTOR, generator=torch.Generator().manual_seed(seed))
        for t in self.scheduler.timesteps:
            if guidance == 1:
                out = torch.from_numpy(self._run("unet", sample=latents.numpy(), timestep=t.numpy(), encoder_hidden_states=hidden[1:]))
            else:
                both = torch.from_numpy(self._run("unet", sample=latents.repeat(2, 1, 1, 1).numpy(), timestep=t.numpy(), encoder_hidden_states=hidden))
                out = both[:1] + guidance * (both[1:] - both[:1])
            latents = self.scheduler.step(out, t, latents).prev_sample
        made = self._run("vae_decoder", latent_sample=latents.numpy())[0]
        return np.clip((made + 1) * 127.5 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)


def small(picture: np.ndarray) -> np.ndarray:
    """What the classifier sees: a quarter of the size."""
    return picture.reshape(SMALL[0], 4, SMALL[1], 4, 3).mean((1, 3)).astype(np.uint8)


def _small_render(scene: Scene) -> np.ndarray:
    import cv2

    cv2.setNumThreads(1)
    return small(render(scene))


class Classifier(nn.Module):
    """A small network with one head for each kind of label."""

    def __init__(self) -> None:
        super().__init__()

        def block(a: int, b: int) -> list[nn.Module]:
            return [nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.SiLU(), nn.Conv2d(b, b, 3, 1, 1), nn.BatchNorm2d(b), nn.SiLU()]

        self.body = nn.Sequential(*block(14, 48), *block(48, 96), *block(96, 128), nn.AdaptiveAvgPool2d((4, 2)), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1024, 96), nn.SiLU())
        self.heads = nn.ModuleDict({k: nn.Linear(96, len(v)) for k, v in KINDS.items()})

    def features(self, pictures: Tensor) -> Tensor:
        x = F.pixel_unshuffle(pictures.permute(0, 3, 1, 2).float() / 127.5 - 1, 2)
        y, z = torch.meshgrid(torch.linspace(-1, 1, x.shape[2]), torch.linspace(-1, 1, x.shape[3]), indexing="ij")
        return self.body(torch.cat((x, torch.stack((y, z)).expand(len(x), -1, -1, -1)), 1))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        f = self.features(pictures)
        return {k: head(f) for k, head in self.heads.items()}


def truth_of(scenes: list[Scene]) -> dict[str, Tensor]:
    return {k: torch.tensor([v.index(getattr(s, k)) for s in scenes]) for k, v in KINDS.items()}


def renders(first_seed: int, count: int, layouts: int) -> tuple[Tensor, list[Scene]]:
    """Small renders and their scenes."""
    scenes = [Scene.random(first_seed + k, CORE, layouts) for k in range(count)]
    with Pool(2) as pool:
        return torch.from_numpy(np.stack(pool.map(_small_render, scenes, chunksize=50))), scenes


def train_classifier(work: Path, count: int, epochs: int, layouts: int) -> Classifier:
    """Train on renders, or load what was trained."""
    model, saved = Classifier(), work / "classifier.pt"
    if saved.exists():
        model.load_state_dict(torch.load(saved, weights_only=True))
        return model.eval()
    pictures, scenes = renders(10_000_000, count, layouts)
    truth = truth_of(scenes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    total = epochs * count // 64
    for step in range(total):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 50) * (1 - step / total)
        picks = torch.randint(0, count, (64,))
        seen = (pictures[picks].float() + 4 * torch.randn(64, *SMALL, 3)).clamp(0, 255)
        with torch.autocast("cpu", torch.bfloat16):
            out = model(seen)
        loss = sum(F.cross_entropy(out[k].float(), truth[k][picks], label_smoothing=0.05) for k in KINDS)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[union-attr]
        optimizer.step()
        if step % 50 == 0:
            print(f"classifier step {step}/{total}  loss {float(loss):.3f}", flush=True)
    torch.save(model.state_dict(), saved)
    return model.eval()


@torch.no_grad()
def score(model: Classifier, pictures: Tensor, scenes: list[Scene]) -> dict[str, float]:
    """Share recognised, by kind."""
    out, truth = model(pictures), truth_of(scenes)
    return {k: round(100 * float((out[k].argmax(1) == truth[k]).float().mean()), 1) for k in KINDS}


@torch.no_grad()
def frechet(model: Classifier, a: Tensor, b: Tensor) -> float:
    """Frechet distance of two sets in the classifier's features."""
    x, y = model.features(a).double().numpy(), model.features(b).double().numpy()
    cx, cy = np.cov(x.T) + 1e-6 * np.eye(x.shape[1]), np.cov(y.T) + 1e-6 * np.eye(x.shape[1])
    root = scipy.linalg.sqrtm(cx @ cy)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cx + cy - 2 * np.real(root)))


def spread(pictures: np.ndarray) -> float:
    """Mean pairwise distance of small pictures."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).float().flatten(1) / 255
    return float(torch.pdist(x).mean()) / x.shape[1] ** 0.5


def contact_sheet(pocket: Pocket, path: Path) -> None:
    """Every subject under three lights, the styles in turn, in the director's words."""
    styles, tiles = ("cinematic", "anime", "documentary", "watercolor"), []
    for i, name in enumerate(CORE):
        for k, light in enumerate(("noon", "sunset", "night")):
            prefix, suffix = STYLE_WORDS[styles[i % 4]][0]
            tiles.append(pocket.draw(f"{prefix}, {SUBJECT_WORDS[name][0]}, {LIGHT_WORDS[light][0]}, {suffix}", seed=100 + i * 3 + k)[::4, ::4])
    columns = 14
    rows = [np.concatenate(tiles[r : r + columns], 1) for r in range(0, len(tiles), columns)]
    Image.fromarray(np.concatenate(rows, 0)).quantize(192, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--model", type=Path, required=True)
    args.add_argument("--work", type=Path, required=True)
    args.add_argument("--count", type=int, default=200, help="pictures drawn")
    args.add_argument("--guidance", type=float, default=1.5)
    args.add_argument("--renders", type=int, default=6000, help="pictures the classifier learns from")
    args.add_argument("--epochs", type=int, default=8)
    args.add_argument("--layouts", type=int, default=4, help="as in training; 0 for any")
    args.add_argument("--seeds", type=int, default=16, help="drawn for each of four prompts, to see how they spread")
    args.add_argument("--sheet", type=Path)
    args.add_argument("--only", choices=("classifier", "sheet", "all"), default="all")
    a = args.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(2)
    a.work.mkdir(parents=True, exist_ok=True)
    if a.only == "classifier":
        train_classifier(a.work, a.renders, a.epochs, a.layouts)
        return
    pocket = Pocket(a.model, 2)
    if a.sheet:
        contact_sheet(pocket, a.sheet)
        print(f"sheet written, {a.sheet.stat().st_size / 1e3:.0f} kB", flush=True)
    if a.only == "sheet":
        return
    model = train_classifier(a.work, a.renders, a.epochs, a.layouts)
    figures: dict[str, object] = {}
    held, held_scenes = renders(HELD_OUT_SEED, max(400, a.count), a.layouts)
    figures["renders recognised"] = score(model, held, held_scenes)
    rng = random.Random(3)
    for name, guidance, count in (("drawn", a.guidance, a.count), ("drawn, guidance 1", 1.0, a.count // 2)):
        scenes = held_scenes[:count]
        begun = time.time()
        pictures = torch.from_numpy(np.stack([small(pocket.draw(caption(s, rng, True).text, 1000 + k, guidance=guidance)) for k, s in enumerate(scenes)]))
        figures[f"{name} ({count})"] = score(model, pictures, scenes)
        print(json.dumps(figures, indent=1), f"{time.time() - begun:.0f} s", flush=True)
        if guidance != 1:
            other, _ = renders(HELD_OUT_SEED + 1_000_000, count, a.layouts)
            figures["frechet, drawn to renders"] = round(frechet(model, pictures, held[:count]), 2)
            figures["frechet, renders to renders"] = round(frechet(model, other, held[:count]), 2)
    ratios = []
    for k, scene in enumerate(held_scenes[:4]):
        words = caption(scene, rng, True).text
        drawn = np.stack([small(pocket.draw(words, 5000 + 16 * k + i, guidance=a.guidance)) for i in range(a.seeds)])
        real = np.stack([_small_render(Scene(scene.subject, scene.light, scene.weather, scene.style, i % a.layouts if a.layouts else i)) for i in range(a.seeds)])
        ratios.append(spread(drawn) / spread(real))
    figures[f"spread of {a.seeds} seeds, share of that of renders"] = [round(r, 2) for r in ratios]
    timings = []
    for k in range(5):
        pocket.inside, begun = 0.0, time.perf_counter()
        pocket.draw("a castle at night", k)
        timings.append((time.perf_counter() - begun, pocket.inside))
    best = min(timings)
    figures["seconds a picture, 12 steps with guidance, 2 threads: best, of which sessions"] = [round(v, 2) for v in best]
    print(json.dumps(figures, indent=1), flush=True)
    (a.work / "figures.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
