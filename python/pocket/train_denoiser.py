"""Train the denoiser on encoded scenes; goes on from its checkpoint when there is one, and reads whatever latents there are.

    python train_denoiser.py --data DIR --out DIR --minutes 60
"""

from __future__ import annotations

import argparse
import copy
import random
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTextModel, CLIPTokenizer

from denoiser import LAYOUTS, Attention, Denoiser, sample, scheduler
from encode import load as load_autoencoder
from illustrator.caption import caption
from latents import Latents
from train_text import text_encoder, tokens

PROMPTS = (
    "cinematic film still, a castle with towers on a hill, at sunset, clear sky, dramatic lighting, teal and orange",
    "watercolor painting, a lighthouse on a cliff by the sea, at dawn, with clouds",
    "anime illustration, a cat sitting on the ground, at noon, clear sky",
    "black and white noir photograph, a street between houses with street lamps, at night, in the rain",
    "neon synthwave art, a city skyline with skyscrapers, at night",
    "documentary photograph, snowy mountains, in the morning light, clear sky",
    "minimal flat illustration, a beach with a palm tree, in the golden hour",
    "vintage photograph, a cottage with a red roof, at noon, in falling snow",
    "a rising bar chart with an arrow, at noon, in a thunderstorm",
    "stacks of gold coins, golden hour, cinematic film still",
    "outer space with a ringed planet, at night",
    "underwater with fish and corals, at noon, anime illustration",
    "a couple holding hands, at sunset, cinematic film still",
    "a campfire with a tent in the woods, at night, anime illustration",
    "a large alarm clock, in the morning light, documentary photograph",
    "a pine forest, under the northern lights, anime illustration",
)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--minutes", type=float, default=60)
    args.add_argument("--batch", type=int, default=24)
    args.add_argument("--rate", type=float, default=1e-3)
    args.add_argument("--width", type=int, default=96)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--layouts", type=int, default=LAYOUTS, help="use only so many layouts of each subject; 0 for all")
    args.add_argument("--overfit", type=int, default=0, help="train on so few scenes only, to see that it can")
    args.add_argument("--compile", action="store_true")
    args.add_argument("--seed", type=int, default=1)
    a = args.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    rng = random.Random(a.seed)
    tokenizer = CLIPTokenizer.from_pretrained(str(a.out / "tokenizer"))
    encoder: CLIPTextModel = text_encoder(tokenizer)
    encoder.load_state_dict(torch.load(a.out / "text.pt", weights_only=True)["encoder"])
    encoder.eval()
    autoencoder = load_autoencoder(a.out)
    data = Latents(a.data, a.layouts)
    if a.overfit:
        data.values, data.scenes = data.values[: a.overfit], data.scenes[: a.overfit]
    saved = a.out / ("overfit.pt" if a.overfit else "denoiser.pt")
    state = torch.load(saved, weights_only=True) if saved.exists() and not a.overfit else None
    values = data.values
    model = Denoiser(a.width)
    model.unet.set_attn_processor(Attention())
    model.to(memory_format=torch.channels_last)
    if state:
        model.load_state_dict(state["model"])
    ema = copy.deepcopy(model)
    if state:
        ema.load_state_dict(state["ema"])
    for each in (model, ema):
        each.prior.load_state_dict(torch.load(a.out / "prior.pt", weights_only=True))
        each.prior.requires_grad_(False)
    optimizer = torch.optim.AdamW(model.unet.parameters(), lr=a.rate, betas=(0.9, 0.99), weight_decay=0.01)
    if state:
        optimizer.load_state_dict(state["optimizer"])
    step, seen = (state["step"], state["seen"]) if state else (0, 0)
    run: nn.Module = torch.compile(model) if a.compile else model  # type: ignore[assignment]
    schedule = scheduler()
    print(f"{len(values)} scenes, {sum(p.numel() for p in model.unet.parameters()) / 1e6:.2f} M parameters, {seen} samples seen before", flush=True)
    with torch.no_grad():
        texts = encoder(input_ids=tokens(tokenizer, list(PROMPTS) if not a.overfit else [caption(s, rng).text for s in data.scenes[:16]])).last_hidden_state
        empty = encoder(input_ids=tokens(tokenizer, [""])).last_hidden_state

    def save() -> None:
        torch.save({"model": model.state_dict(), "ema": ema.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seen": seen}, str(saved) + ".part")
        Path(str(saved) + ".part").replace(saved)

    def sheet() -> None:
        noise = torch.randn(len(texts), *values.shape[1:], generator=torch.Generator().manual_seed(7))
        with torch.autocast("cpu", torch.bfloat16):
            latents = sample(ema, texts, empty, noise)
        with torch.no_grad():
            made = autoencoder.decode(latents.float())
        tiles = ((made.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
        grid = np.concatenate([np.concatenate(list(tiles[r : r + 8]), 1) for r in range(0, len(tiles), 8)], 0)
        Image.fromarray(grid[::2, ::2]).save(a.out / f"sheet-{seen:07d}.png")

    begun, running, recent, logged, kept = time.time(), 0.0, 0, time.time(), time.time() - 240
    while (spent := time.time() - begun) < a.minutes * 60:
        done = spent / (a.minutes * 60)
        for group in optimizer.param_groups:
            group["lr"] = a.rate * min(1, (step + 1) / 60) * min(1.0, 0.05 + 2.5 * (1 - done))
        picks = [rng.randrange(len(values)) for _ in range(a.batch)]
        words = ["" if rng.random() < 0.1 else caption(data.scenes[k], rng).text for k in picks]
        clean = values[picks].float()
        noise = torch.randn_like(clean)
        t = (1000 * torch.rand(a.batch) ** 0.85).long().clamp(max=999)
        with torch.no_grad():
            text = encoder(input_ids=tokens(tokenizer, words)).last_hidden_state
        noisy, target = schedule.add_noise(clean, noise, t), schedule.get_velocity(clean, noise, t)
        with torch.autocast("cpu", torch.bfloat16):
            made = run(noisy.to(memory_format=torch.channels_last), t, text)
        loss = F.mse_loss(made.float(), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.unet.parameters(), 1.0)
        optimizer.step()
        step += 1
        seen += a.batch
        running += loss.item()
        recent += 1
        keep = min(0.998, (step + 1) / (step + 12))
        with torch.no_grad():
            torch._foreach_lerp_(list(ema.unet.parameters()), list(model.unet.parameters()), 1 - keep)
        if time.time() - logged > 30:
            print(f"{spent:6.0f} s  step {step}  seen {seen}  loss {running / recent:.4f}  {recent * a.batch / (time.time() - logged):.1f} samples/s", flush=True)
            running, recent, logged = 0.0, 0, time.time()
            if not a.overfit and len(fresh := Latents(a.data, a.layouts)) > len(data):
                data, values = fresh, fresh.values
                print(f"{len(data)} scenes now", flush=True)
        if time.time() - kept > 480:
            save()
            sheet()
            kept = time.time()
    save()
    sheet()
    print(f"done: {seen} samples", flush=True)


if __name__ == "__main__":
    main()
