"""The autoencoder: latents 32 times smaller on each side than the picture, 48 channels deep.

The encoder is linear: the principal components of 32 x 32 patches, by falling weight, so latents are ordered, uncorrelated and never change
when the decoder learns on. The decoder turns them back; a small network that sees the neighbours, too, repairs what the components miss, and
another one that sees pixels takes away what is left of the patches: their seams, and the weave of components that were cut off.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FACTOR = 32
CHANNELS = 48
SPREAD = 0.4
"""A component of standard deviation s gets s to this power: 0 would whiten, 1 would leave it alone.

So components of little consequence stay small, noise hides them first, and they are drawn last.
"""


class Repair(nn.Module):
    """What the components lack, told from the latents of a place and its neighbours; nothing, before it is trained.

    A linear part, whose best weights are known in closed form, closes the seams; a hidden layer sharpens edges.
    """

    def __init__(self, width: int = 512) -> None:
        super().__init__()
        size = 3 * FACTOR * FACTOR
        self.near = nn.Conv2d(CHANNELS, size, 3, padding=1)
        self.look = nn.Conv2d(CHANNELS, width, 3, padding=1)
        self.edge = nn.Conv2d(width, size, 1)
        for part in (self.near, self.edge):
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)

    def forward(self, latents: Tensor) -> Tensor:
        return self.near(latents) + self.edge(F.silu(self.look(latents)))

    @torch.no_grad()
    def solve(self, pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Set the linear part to the least squares of (latents, flat patches that are lacking) pairs."""
        count = CHANNELS * 9 + 1
        gram, cross = torch.zeros(count, count), torch.zeros(count, 3 * FACTOR * FACTOR)
        for latents, lacking in pairs:
            seen = F.unfold(latents, 3, padding=1).transpose(1, 2).reshape(-1, count - 1)
            seen = torch.cat((seen, torch.ones(len(seen), 1)), 1)
            gram += seen.T @ seen
            cross += seen.T @ lacking
        found = torch.linalg.solve(gram + 1e-4 * gram.diagonal().mean() * torch.eye(count), cross).T
        self.near.weight.copy_(found[:, :-1].reshape(self.near.weight.shape))
        self.near.bias.copy_(found[:, -1])


class Finish(nn.Module):
    """What to add to decoded pixels, told from those around them at half the resolution; nothing, before it is trained."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 12, 3, padding=1),
        )
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, pixels: Tensor) -> Tensor:
        return F.pixel_shuffle(self.layers(pixels), 2)


class Autoencoder(nn.Module):
    """Pictures in [-1, 1], (batch, 3, height, width), to latents of zero mean and about unit variance, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_in = nn.Conv2d(3, CHANNELS, FACTOR, FACTOR)
        self.patch_out = nn.Conv2d(CHANNELS, 3 * FACTOR * FACTOR, 1)
        self.repair = Repair()
        self.finish = Finish()

    def fit(self, patches: Tensor) -> None:
        """Set encoder and decoder to the principal components of (count, 3 * 32 * 32) patches."""
        mean = patches.mean(0)
        values, vectors = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
        basis = vectors.flip(1)[:, :CHANNELS]
        std = values.flip(0)[:CHANNELS].clamp(min=1e-6).sqrt()
        target = std**SPREAD
        target = target / target.pow(2).mean().sqrt()
        into, out = basis * (target / std), basis * (std / target)
        self.patch_in.weight.data.copy_(into.T.reshape(CHANNELS, 3, FACTOR, FACTOR))
        self.patch_in.bias.data.copy_(-(mean @ into))
        self.patch_out.weight.data.copy_(out[:, :, None, None])
        self.patch_out.bias.data.copy_(mean)

    def encode(self, picture: Tensor) -> Tensor:
        """Latents."""
        return self.patch_in(picture)

    def decode(self, latents: Tensor) -> Tensor:
        """A picture; values can lie slightly outside [-1, 1]."""
        pixels = self.unfinished(latents)
        return pixels + self.finish(pixels)

    def unfinished(self, latents: Tensor) -> Tensor:
        """A picture in which patches can be seen."""
        return F.pixel_shuffle(self.patch_out(latents) + self.repair(latents), FACTOR)


def patches_of(pictures: Tensor) -> Tensor:
    """Flat 32 x 32 patches of (batch, height, width, 3) pictures, in the order of `pixel_shuffle`."""
    return flat_patches(pictures.permute(0, 3, 1, 2).float() / 127.5 - 1)


def flat_patches(pictures: Tensor) -> Tensor:
    """The same of (batch, 3, height, width) pictures in [-1, 1]."""
    flat = F.pixel_unshuffle(pictures, FACTOR)
    return flat.permute(0, 2, 3, 1).reshape(-1, 3 * FACTOR * FACTOR)


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal to noise ratio of pictures in [-1, 1], one value a picture."""
    mse = (a.clamp(-1, 1) - b).pow(2).flatten(1).mean(1)
    return 10 * torch.log10(4 / mse)
