"""Fit the prior: basis pictures, and from the words the mean of each layout and how far pictures stray from it.

The text encoder stays as it is, so its output is computed once for several captions of each scene; the rest is a small regression.
Goes on from its checkpoint when there is one: use another seed, for other captions.

    python fit_prior.py --data DIR --out DIR --steps 3500
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from denoiser import GRID, LAYOUTS, RANK, Prior
from illustrator.caption import caption
from latents import Latents
from train_text import text_encoder, tokens


@torch.no_grad()
def basis(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The mean of flat latents and their first `RANK` components as rows."""
    flat = values[torch.randperm(len(values))[:count]].float().flatten(1)
    mean = flat.mean(0)
    _, _, right = torch.svd_lowrank(flat - mean, q=RANK + 32, niter=2)
    return mean, right[:, :RANK].T


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--steps", type=int, default=3500)
    args.add_argument("--captions", type=int, default=2, help="captions a scene")
    args.add_argument("--rate", type=float, default=2e-3)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--seed", type=int, default=1)
    a = args.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    rng, begun = random.Random(a.seed), time.time()
    tokenizer = CLIPTokenizer.from_pretrained(str(a.out / "tokenizer"))
    encoder = text_encoder(tokenizer)
    encoder.load_state_dict(torch.load(a.out / "text.pt", weights_only=True)["encoder"])
    encoder.eval()
    data = Latents(a.data, LAYOUTS)
    prior = Prior()
    saved = a.out / "prior.pt"
    if saved.exists():
        prior.load_state_dict(torch.load(saved, weights_only=True))
    else:
        prior.set_basis(*basis(data.values, 8000))
    mean, rows = prior.basis.bias.data, prior.basis.weight.data.T
    wanted = torch.cat([(v.float().flatten(1) - mean) @ rows.T for v in data.values.split(500)])
    layouts = torch.tensor([s.seed for s in data.scenes])
    print(f"{len(data)} scenes, basis in {time.time() - begun:.0f} s", flush=True)

    first_held = len(data) - len(data) // 20
    # The last scenes are for measuring, and so are their captions: everything is named there.
    scenes = torch.arange(len(data)).repeat(a.captions)
    words = ["" if k < first_held and rng.random() < 0.06 else caption(data.scenes[k], rng, named=k >= first_held).text for k in scenes.tolist()]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        read = torch.cat([encoder(input_ids=tokens(tokenizer, words[k : k + 128])).last_hidden_state[:, -1:].float() for k in range(0, len(words), 128)])
    print(f"{len(words)} captions read after {time.time() - begun:.0f} s", flush=True)

    learned = [p for name, p in prior.named_parameters() if not name.startswith("basis")]
    optimizer = torch.optim.AdamW(learned, lr=a.rate, weight_decay=0.1)
    averaged = [p.detach().clone() for p in learned]
    scale = wanted.pow(2).mean()
    training = (scenes < first_held).nonzero()[:, 0]
    testing = (scenes >= first_held).nonzero()[:, 0][:1600]

    def missed(picks: Tensor) -> tuple[Tensor, Tensor]:
        """Squared error of the right layout's mean, and what its variance costs, by the likelihood."""
        k, last = scenes[picks], read[picks, -1]
        with torch.autocast("cpu", torch.bfloat16):
            variance = prior.variance_of(last).float()
            mean = prior.mean_of(last, prior.turn[layouts[k]], prior.layout[layouts[k]]).float()
        off = wanted[k] - mean
        return off.pow(2).mean() / scale, (off.detach().pow(2) / variance + variance.log()).mean()

    for step in range(a.steps):
        for group in optimizer.param_groups:
            group["lr"] = a.rate * min(1, (step + 1) / 50) * min(1.0, 0.01 + 1.4 * (1 - step / a.steps))
        error, cost = missed(training[torch.randint(len(training), (256,))])
        (error + 0.1 * cost).backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(averaged, learned, 1 - min(0.995, (step + 1) / (step + 12)))
        if step % 250 == 249:
            kept = [p.detach().clone() for p in learned]
            prior.eval()
            with torch.no_grad():
                torch._foreach_copy_(learned, averaged)
                test = missed(testing)[0]
                torch._foreach_copy_(learned, kept)
            prior.train()
            print(f"{time.time() - begun:5.0f} s  step {step + 1}  missed {error.item():.3f}  on scenes not trained on {test.item():.3f}", flush=True)

    prior.eval()
    with torch.no_grad():
        torch._foreach_copy_(learned, averaged)
        some = training[torch.randint(len(training), (768,))]
        means, _ = prior.read(read[some])
        real = data.values[scenes[some]].float()
        off = real - prior.middle(real) - prior.compose(means[torch.arange(len(some)), layouts[scenes[some]]], real)
        prior.spread.copy_(off.pow(2).mean((0, 2, 3)).sqrt())
        prior.beyond.copy_((off - prior.compose(prior.project(off), off)).pow(2).mean((0, 2, 3)).sqrt())
    print("pictures stray by", [round(v, 2) for v in prior.spread.tolist()[:8]], "beyond the basis", [round(v, 2) for v in prior.beyond.tolist()[:8]], flush=True)
    assert prior.basis.weight.shape[0] == data.values[0].numel() and data.values.shape[2:] == GRID
    torch.save(prior.state_dict(), saved)


if __name__ == "__main__":
    main()
