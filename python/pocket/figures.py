"""The figures of the model card: does a classifier that knows renders only recognise what pocket draws?

    python figures.py --model ../../assets/models/pocket --data DIR --work DIR
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from dataclasses import replace
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
from denoiser import LAYOUTS
from illustrator import STYLES, SUBJECTS, Scene, render
from illustrator.caption import LIGHT_WORDS, STYLE_WORDS, SUBJECT_WORDS, caption
from illustrator.light import LIGHTS, WEATHERS
from latents import thumbnail
from train_text import tokens

KINDS: dict[str, tuple[str, ...]] = {"subject": tuple(SUBJECTS), "light": tuple(LIGHTS), "weather": WEATHERS, "style": STYLES}
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

    def draw(self, prompts: list[str], seeds: list[int], steps: int = 12, guidance: float = 1.5, height: int = 512, width: int = 288) -> np.ndarray:
        """Pictures, (count, height, width, 3)."""
        count = len(prompts)
        hidden = self._run("text_encoder", input_ids=tokens(self.tokenizer, [""] * count + prompts).numpy())
        self.scheduler.set_timesteps(steps)
        latents = torch.cat([torch.randn(1, self.channels, height // FACTOR, width // FACTOR, generator=torch.Generator().manual_seed(s)) for s in seeds])
        for t in self.scheduler.timesteps:
            if guidance == 1:
                out = torch.from_numpy(self._run("unet", sample=latents.numpy(), timestep=t.numpy(), encoder_hidden_states=hidden[count:]))
            else:
                both = torch.from_numpy(self._run("unet", sample=latents.repeat(2, 1, 1, 1).numpy(), timestep=t.numpy(), encoder_hidden_states=hidden))
                out = both[:count] + guidance * (both[count:] - both[:count])
            latents = self.scheduler.step(out, t, latents).prev_sample
        return self._pictures(latents.numpy())

    def _pictures(self, latents: np.ndarray) -> np.ndarray:
        made = self._run("vae_decoder", latent_sample=latents)
        return np.clip((made + 1) * 127.5 + 0.5, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)

    def again(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures through the autoencoder."""
        real = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).astype(np.float32) / 127.5 - 1
        return self._pictures(self._run("vae_encoder", sample=real))


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


def known(data: Path) -> tuple[np.ndarray, list[Scene]]:
    """Thumbnails of all renders there are, and their scenes."""
    made, scenes = [], []
    for folder in sorted(data.iterdir()):
        if not (folder / "scenes.jsonl").exists() or not ((folder / "latents.npy").exists() or (folder / "pictures.npy").exists()):
            continue
        if (folder / "thumbnails.npy").exists():
            some = np.load(folder / "thumbnails.npy")
        else:
            pictures = np.load(folder / "pictures.npy", mmap_mode="r")
            some = np.concatenate([thumbnail(pictures[k : k + 50]) for k in range(0, len(pictures), 50)])
        made.append(some)
        scenes += [Scene(**json.loads(line)) for line in open(folder / "scenes.jsonl")][: len(some)]
    return np.concatenate(made), scenes


def train_classifier(data: Path, work: Path, minutes: float, threads: int) -> Classifier:
    """Train on renders, or load what was trained."""
    torch.set_num_threads(threads)
    model, saved = Classifier(), work / "classifier.pt"
    if saved.exists():
        model.load_state_dict(torch.load(saved, weights_only=True))
        return model.eval()
    stack, scenes = known(data)
    pictures, truth = torch.from_numpy(stack), truth_of(scenes)
    held = torch.arange(0, len(scenes), 40)
    learned = torch.tensor([k for k in range(len(scenes)) if k % 40])
    print(f"{len(scenes)} renders", flush=True)
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    begun, step, running = time.time(), 0, 0.0
    while (done := (time.time() - begun) / (minutes * 60)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 50) * (1 - done)
        picks = learned[torch.randint(0, len(learned), (64,))]
        seen = pictures[picks].float()
        seen = torch.roll(seen, (int(torch.randint(-3, 4, ())), int(torch.randint(-3, 4, ()))), (1, 2))
        # No shift of colour: it is what tells one light from another.
        seen = (seen + 4 * torch.randn(64, *SMALL, 3)).clamp(0, 255)
        with torch.autocast("cpu", torch.bfloat16):
            out = model(seen)
        loss = sum(F.cross_entropy(out[k].float(), truth[k][picks], label_smoothing=0.05) for k in KINDS)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[union-attr]
        optimizer.step()
        step += 1
        running += float(loss)
        if step % 100 == 0:
            print(f"classifier step {step}, {100 * done:.0f} %  loss {running / 100:.3f}", flush=True)
            running = 0.0
    model.eval()
    print(f"{step * 64} samples; on {len(held)} of the same data kept apart:", score(model, pictures[held], [scenes[k] for k in held.tolist()]), flush=True)
    torch.save(model.state_dict(), saved)
    return model


@torch.no_grad()
def score(model: Classifier, pictures: Tensor, scenes: list[Scene]) -> dict[str, float]:
    """Share recognised, by kind."""
    out, truth = outputs(model, pictures), truth_of(scenes)
    return {k: round(100 * float((out[k].argmax(1) == truth[k]).float().mean()), 1) for k in KINDS}


@torch.no_grad()
def outputs(model: Classifier, pictures: Tensor) -> dict[str, Tensor]:
    parts = [model(some) for some in pictures.split(100)]
    return {k: torch.cat([p[k] for p in parts]) for k in KINDS}


@torch.no_grad()
def missed(model: Classifier, pictures: Tensor, scenes: list[Scene]) -> list[str]:
    """The subjects that were taken for another most often."""
    taken = outputs(model, pictures)["subject"].argmax(1).tolist()
    wrong = Counter(f"{s.subject}: {KINDS['subject'][k]}" for s, k in zip(scenes, taken) if s.subject != KINDS["subject"][k])
    return [f"{name} ({n})" for name, n in wrong.most_common(12)]


@torch.no_grad()
def frechet(model: Classifier, a: Tensor, b: Tensor) -> float:
    """Frechet distance of two sets in the classifier's features."""
    x, y = (torch.cat([model.features(some) for some in each.split(100)]).double().numpy() for each in (a, b))
    cx, cy = np.cov(x.T) + 1e-6 * np.eye(x.shape[1]), np.cov(y.T) + 1e-6 * np.eye(x.shape[1])
    root = scipy.linalg.sqrtm(cx @ cy)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cx + cy - 2 * np.real(root)))


def spread(pictures: np.ndarray) -> float:
    """Mean pairwise distance of small pictures."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).float().flatten(1) / 255
    return float(torch.pdist(x).mean()) / x.shape[1] ** 0.5


def drawn(pocket: Pocket, words: list[str], guidance: float, first_seed: int) -> Tensor:
    """Thumbnails of drawn pictures."""
    made = [thumbnail(pocket.draw(words[k : k + 10], list(range(first_seed + k, first_seed + min(k + 10, len(words)))), guidance=guidance)) for k in range(0, len(words), 10)]
    return torch.from_numpy(np.concatenate(made))


def contact_sheet(pocket: Pocket, path: Path, guidance: float) -> None:
    """Every subject under three lights, the styles in turn, in the director's words."""
    styles, tiles = ("cinematic", "anime", "documentary", "watercolor"), []
    for i, name in enumerate(SUBJECTS):
        prefix, suffix = STYLE_WORDS[styles[i % 4]][0]
        words = [f"{prefix}, {SUBJECT_WORDS[name][0]}, {LIGHT_WORDS[light][0]}, {suffix}" for light in ("noon", "sunset", "night")]
        tiles += list(thumbnail(pocket.draw(words, [100 + i * 3 + k for k in range(3)], guidance=guidance)))
    columns = 15
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[r : r + columns], 1) for r in range(0, len(tiles), columns)]
    Image.fromarray(np.concatenate(rows, 0)).quantize(224, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--model", type=Path, required=True)
    args.add_argument("--data", type=Path, required=True, help="renders the classifier learns from")
    args.add_argument("--work", type=Path, required=True)
    args.add_argument("--count", type=int, default=1000, help="pictures drawn")
    args.add_argument("--guidance", type=float, default=1.5)
    args.add_argument("--minutes", type=float, default=10, help="how long the classifier learns")
    args.add_argument("--seeds", type=int, default=16, help="drawn for each of four prompts, to see how they spread")
    args.add_argument("--sheet", type=Path)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--only", choices=("classifier", "sheet", "drawn", "all"), default="all")
    a = args.parse_args()
    torch.manual_seed(1)
    a.work.mkdir(parents=True, exist_ok=True)
    model = train_classifier(a.data, a.work, a.minutes, a.threads) if a.only != "sheet" else None
    if a.only == "classifier":
        return
    pocket = Pocket(a.model, a.threads)
    if a.sheet:
        contact_sheet(pocket, a.sheet, a.guidance)
        print(f"sheet written, {a.sheet.stat().st_size / 1e3:.0f} kB", flush=True)
    if model is None:
        return
    figures = measure(pocket, model, a.count, a.guidance, a.seeds, a.only == "drawn")
    (a.work / "figures.json").write_text(json.dumps(figures, indent=1))


def rendered(first_seed: int, count: int, layouts: int) -> tuple[np.ndarray, list[Scene]]:
    """Renders that training never saw."""
    scenes = [Scene.random(first_seed + k, tuple(SUBJECTS), layouts) for k in range(count)]
    return np.stack([render(s) for s in scenes]), scenes


def measure(pocket: Pocket, model: Classifier, count: int, guidance: float, seeds: int, short: bool) -> dict[str, object]:
    """All figures, or with `short` only what is recognised in the drawn pictures."""
    figures: dict[str, object] = {}
    rng = random.Random(3)
    if short:
        scenes = [Scene.random(HELD_OUT_SEED + k, tuple(SUBJECTS), LAYOUTS) for k in range(count)]
        pictures = drawn(pocket, [caption(s, rng, True).text for s in scenes], guidance, 1000)
        print(json.dumps({"drawn": score(model, pictures, scenes), "taken for another": missed(model, pictures, scenes)}), flush=True)
        return figures
    held, scenes = rendered(HELD_OUT_SEED, count, LAYOUTS)
    held_small = torch.from_numpy(thumbnail(held))
    figures[f"renders recognised ({count})"] = score(model, held_small, scenes)
    anyhow, any_scenes = rendered(HELD_OUT_SEED + 2_000_000, 300, 0)
    figures["renders of any layout recognised (300)"] = score(model, torch.from_numpy(thumbnail(anyhow)), any_scenes)
    again = np.concatenate([pocket.again(anyhow[k : k + 10]) for k in range(0, 100, 10)])
    error = ((again.astype(np.float32) - anyhow[:100]) ** 2).mean((1, 2, 3))
    figures["autoencoder, dB on 100 renders of any layout"] = round(float((10 * np.log10(255**2 / error)).mean()), 2)
    other, _ = rendered(HELD_OUT_SEED + 1_000_000, count, LAYOUTS)
    other_small = torch.from_numpy(np.concatenate([thumbnail(pocket.again(other[k : k + 10])) for k in range(0, count, 10)]))
    del held, other
    reference = frechet(model, other_small, held_small)
    for name, strength, some in (("drawn", guidance, count), ("drawn, guidance 1", 1.0, count * 3 // 10)):
        begun = time.time()
        pictures = drawn(pocket, [caption(s, rng, True).text for s in scenes[:some]], strength, 1000)
        figures[f"{name} ({some})"] = score(model, pictures, scenes[:some])
        if strength == guidance:
            figures["taken for another"] = missed(model, pictures, scenes[:some])
            distance = frechet(model, pictures, held_small)
            figures["frechet: drawn to renders, reconstructed to renders, ratio"] = [round(v, 2) for v in (distance, reference, distance / reference)]
        print(json.dumps(figures, indent=1), f"{time.time() - begun:.0f} s", flush=True)
    ratios: dict[str, list[float]] = {"of renders of the taught layouts": [], "of renders of any layout": []}
    for k, scene in enumerate(scenes[:4]):
        made = spread(drawn(pocket, [caption(scene, rng, True).text] * seeds, guidance, 5000 + seeds * k).numpy())
        for which, layouts in zip(ratios, (LAYOUTS, 0)):
            real = [render(replace(scene, seed=i % layouts if layouts else 70_000_000 + i)) for i in range(seeds)]
            ratios[which].append(round(made / spread(thumbnail(np.stack(real))), 2))
    figures[f"spread of {seeds} seeds, share of that"] = {k: [*v, round(sum(v) / len(v), 2)] for k, v in ratios.items()}
    timings = []
    for k in range(5):
        pocket.inside, begun = 0.0, time.perf_counter()
        pocket.draw(["a castle at night"], [k])
        timings.append((time.perf_counter() - begun, pocket.inside))
    figures["seconds a picture, 12 steps with guidance: best, of which sessions"] = [round(v, 2) for v in min(timings)]
    print(json.dumps(figures, indent=1), flush=True)
    return figures


if __name__ == "__main__":
    main()
