"""pocket-upscaler: a picture four times as large on each side, with edges drawn anew.

Lanczos, as a fixed filter of 7 x 7, makes the large picture, and a network says what that lacks. The network works at half the small
picture's size, where each of its convolutions sees twice as far: far enough to tell a seam between patches from a line.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SCALE = 4
LOBES = 3
REACH = LOBES
"""How many pixels the filter looks to each side."""
SLOPE = 0.1


def lanczos(x: float) -> float:
    """The windowed sinc at `x` pixels from the middle."""
    if x == 0:
        return 1.0
    if abs(x) >= LOBES:
        return 0.0
    return LOBES * math.sin(math.pi * x) * math.sin(math.pi * x / LOBES) / (math.pi * x) ** 2


def phases() -> Tensor:
    """For each of the `SCALE` places within a pixel, the weights of the pixels around: (4, 7)."""
    rows = []
    for phase in range(SCALE):
        place = (phase + 0.5) / SCALE - 0.5
        row = [lanczos(place - k) for k in range(-REACH, REACH + 1)]
        rows.append([w / sum(row) for w in row])
    return torch.tensor(rows)


class Block(nn.Module):
    """Two convolutions around an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.leaky_relu(self.first(x), SLOPE))


class Upscaler(nn.Module):
    """Pictures in [0, 1], (batch, 3, height, width) with even sides, to (batch, 3, 4 height, 4 width)."""

    def __init__(self, width: int = 48, blocks: int = 4) -> None:
        super().__init__()
        self.filter = nn.Conv2d(3, 3 * SCALE * SCALE, 2 * REACH + 1, groups=3)
        self.stem = nn.Conv2d(3, width, 6, stride=2, padding=2)
        self.body = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.end = nn.Conv2d(width, 3 * (2 * SCALE) ** 2, 3, padding=1)
        rows = phases()
        plane = torch.einsum("ay,bx->abyx", rows, rows).reshape(SCALE * SCALE, 1, 2 * REACH + 1, 2 * REACH + 1)
        self.filter.weight.data.copy_(plane.repeat(3, 1, 1, 1))
        nn.init.zeros_(self.filter.bias)
        self.filter.requires_grad_(False)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)
        for block in self.body:
            block.second.weight.data.mul_(0.3)

    def plain(self, small: Tensor) -> Tensor:
        """By the filter alone."""
        return F.pixel_shuffle(self.filter(F.pad(small, (REACH, REACH, REACH, REACH), mode="replicate")), SCALE)

    def lacks(self, small: Tensor) -> Tensor:
        """What that lacks."""
        seen = F.leaky_relu(self.body(F.leaky_relu(self.stem(small - 0.5), SLOPE)), SLOPE)
        return F.pixel_shuffle(self.end(seen), 2 * SCALE)

    def forward(self, small: Tensor) -> Tensor:
        return self.plain(small) + self.lacks(small)
