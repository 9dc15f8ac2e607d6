"""The autoencoder: a picture 32 times smaller on each side, 48 channels deep, of zero mean and unit variance by channel.

Free of normalisation layers inside (they would tone-shift tiles); only the latents are normalised, by statistics that become constants.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FACTOR = 32
CHANNELS = 48


class Residual(nn.Module):
    """Two convolutions around an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.bias)
        self.second.weight.data.mul_(0.2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))


class Autoencoder(nn.Module):
    """Pictures in [-1, 1], (batch, 3, height, width), to latents and back."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(8),
            nn.Conv2d(192, 96, 3, padding=1),
            Residual(96),
            nn.Conv2d(96, 160, 4, 2, 1),
            Residual(160),
            nn.Conv2d(160, 224, 4, 2, 1),
            Residual(224),
            nn.Conv2d(224, CHANNELS, 3, padding=1),
        )
        self.whiten = nn.BatchNorm2d(CHANNELS, affine=False, momentum=0.02)
        self.decoder = nn.Sequential(
            nn.Conv2d(CHANNELS, 256, 3, padding=1),
            Residual(256),
            nn.Conv2d(256, 160 * 4, 1),
            nn.PixelShuffle(2),
            Residual(160),
            Residual(160),
            nn.Conv2d(160, 96 * 4, 1),
            nn.PixelShuffle(2),
            Residual(96),
            Residual(96),
            nn.Conv2d(96, 48 * 4, 1),
            nn.PixelShuffle(2),
            Residual(48),
            nn.Conv2d(48, 48, 3, padding=1),
            nn.PixelShuffle(4),
        )

    def encode(self, picture: Tensor) -> Tensor:
        """Whitened latents."""
        return self.whiten(self.encoder(picture).float())

    def decode(self, latents: Tensor) -> Tensor:
        """A picture; values can lie slightly outside [-1, 1]."""
        return self.decoder(latents)


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal to noise ratio of pictures in [-1, 1], one value a picture."""
    mse = (a.clamp(-1, 1) - b).pow(2).flatten(1).mean(1)
    return 10 * torch.log10(4 / mse)
