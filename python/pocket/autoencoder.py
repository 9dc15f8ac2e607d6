"""The autoencoder: latents 32 times smaller on each side than the picture, 48 channels deep.

The encoder is linear: the principal components of 32 x 32 patches, by falling weight, so latents are ordered, uncorrelated and never change
when the decoder learns on. The decoder turns them back and a small convolutional network repairs what the components miss at the seams.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FACTOR = 32
CHANNELS = 48
SPREAD = 0.4
"""A component of standard deviation s gets s to this power: 0 would whiten, 1 would leave it alone.

So components of little consequence stay small, noise hides them first, and they are drawn last.
"""


class Residual(nn.Module):
    """Two convolutions around an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))


class Repair(nn.Module):
    """What a decoded picture lacks; nothing, before it is trained."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.PixelUnshuffle(8), nn.Conv2d(192, width, 3, padding=1), Residual(width), Residual(width), Residual(width), Residual(width))
        self.end = nn.Conv2d(width, 192, 3, padding=1)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)

    def forward(self, picture: Tensor) -> Tensor:
        return F.pixel_shuffle(self.end(F.silu(self.body(picture))), 8)


class Autoencoder(nn.Module):
    """Pictures in [-1, 1], (batch, 3, height, width), to latents of zero mean and about unit variance, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_in = nn.Conv2d(3, CHANNELS, FACTOR, FACTOR)
        self.patch_out = nn.Conv2d(CHANNELS, 3 * FACTOR * FACTOR, 1)
        self.repair = Repair()

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
        plain = F.pixel_shuffle(self.patch_out(latents), FACTOR)
        return plain + self.repair(plain)


def patches_of(pictures: Tensor) -> Tensor:
    """Flat 32 x 32 patches of (batch, height, width, 3) pictures, in the order of `pixel_shuffle`."""
    flat = F.pixel_unshuffle(pictures.permute(0, 3, 1, 2).float() / 127.5 - 1, FACTOR)
    return flat.permute(0, 2, 3, 1).reshape(-1, 3 * FACTOR * FACTOR)


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal to noise ratio of pictures in [-1, 1], one value a picture."""
    mse = (a.clamp(-1, 1) - b).pow(2).flatten(1).mean(1)
    return 10 * torch.log10(4 / mse)
