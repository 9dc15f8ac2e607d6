"""The denoiser: a diffusers UNet with attention throughout, which is told where each place is and what the caption means on average."""

from __future__ import annotations

import math
from typing import Any

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional as F

from autoencoder import CHANNELS

TEXT_WIDTH = 160
PLACES = 6
RANK = 1024
HIDDEN = 1024
LAYOUTS = 6
GRID = (16, 9)
"""Rows and columns of the latents at the native size, 288 x 512."""
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "clip_sample": False,
    "set_alpha_to_one": True,
    "steps_offset": 0,
}


def places(sample: Tensor) -> Tensor:
    """Where each place is: six channels from x and y in [-1, 1], whatever the size."""
    ones = torch.ones_like(sample[:, :1])
    y, x = torch.cumsum(ones, 2), torch.cumsum(ones, 3)
    y = (y * 2 - 1) / y[:, :, -1:] - 1
    x = (x * 2 - 1) / x[:, :, :, -1:] - 1
    return torch.cat((x, y, torch.cos(math.pi * x), torch.cos(math.pi * y), torch.cos(2 * math.pi * x), torch.cos(2 * math.pi * y)), 1)


class Attention:
    """Attention by plain matrix products: three times as fast on these sizes, in bf16 on a CPU, as the fused kernel."""

    def __call__(self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, *_: Any, **__: Any) -> Tensor:
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        batch, count, _width = hidden_states.shape

        def split(x: Tensor) -> Tensor:
            return x.view(batch, x.shape[1], attn.heads, -1).transpose(1, 2).flatten(0, 1)

        q, k, v = split(attn.to_q(hidden_states)), split(attn.to_k(source)), split(attn.to_v(source))
        weights = torch.softmax(torch.bmm(q, k.transpose(1, 2)) * attn.scale, -1)
        out = torch.bmm(weights.to(v.dtype), v).view(batch, attn.heads, count, -1).transpose(1, 2).flatten(2)
        return attn.to_out[0](out)


class Prior(nn.Module):
    """What a caption can look like, before any denoising is learned: a mixture of normal distributions of latents.

    Words and the number of the layout give the mean of each of `LAYOUTS` ways to lay the scene out, as coefficients of basis pictures; words
    alone say how far pictures stray from it. The basis is one of whole numbers and a scale a picture, as the files store it.
    The denoising of such a mixture is known in closed form, so the UNet only has to learn what the mixture leaves open.
    """

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Linear(TEXT_WIDTH, HIDDEN)
        self.layout = nn.Parameter(0.5 * torch.randn(LAYOUTS, HIDDEN))
        self.turn = nn.Parameter(0.5 * torch.randn(LAYOUTS, HIDDEN))
        self.means = nn.Sequential(nn.Dropout(0.1), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), nn.Dropout(0.1), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, RANK))
        self.log_variance = nn.Linear(TEXT_WIDTH, RANK)
        self.basis = nn.Linear(RANK, CHANNELS * GRID[0] * GRID[1])
        self.register_buffer("spread", torch.ones(CHANNELS))
        self.register_buffer("beyond", torch.ones(CHANNELS))

    def read(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """Means, (batch, layouts, rank), and variances, (batch, rank)."""
        last = text[:, -1]
        return self.mean_of(last[:, None], self.turn, self.layout), self.variance_of(last)

    def mean_of(self, last: Tensor, turn: Tensor, layout: Tensor) -> Tensor:
        """Coefficients of the mean, from the last state of the words and what the layout does to them."""
        return self.means(F.silu(self.words(last) * (1 + turn) + layout))

    def variance_of(self, last: Tensor) -> Tensor:
        """Variances of the coefficients."""
        return self.log_variance(last).clamp(-7, 7).exp()

    @torch.no_grad()
    def set_basis(self, mean: Tensor, rows: Tensor) -> None:
        """The average picture, and the basis pictures as (rank, size) rows, rounded to bytes with a scale each."""
        scale = rows.abs().amax(1, keepdim=True) / 127
        self.basis.weight.copy_(((rows / scale).round() * scale).T)
        self.basis.bias.copy_(mean)

    def project(self, latents: Tensor) -> Tensor:
        """Coefficients of latents of any size."""
        small = F.interpolate(latents, size=GRID, mode="bilinear", align_corners=False)
        return small.flatten(1) @ self.basis.weight

    def compose(self, coefficients: Tensor, like: Tensor) -> Tensor:
        """Coefficients as latents as large as `like`; written so that files hold the basis once."""
        made = (self.basis.weight @ coefficients.T).T.reshape(-1, CHANNELS, *GRID)
        return F.interpolate(made, size=like.shape[2:], mode="bilinear", align_corners=False)

    def middle(self, like: Tensor) -> Tensor:
        """The average of all pictures, as large as `like`."""
        return F.interpolate(self.basis.bias.view(1, CHANNELS, *GRID), size=like.shape[2:], mode="bilinear", align_corners=False)


class Denoiser(nn.Module):
    """`UNet2DConditionModel` behind the interface of Stable Diffusion.

    Inside, the exact denoising of the prior is taken first. The UNet, which sees what that made, the likely mean and the place, learns what
    is missing, at unit scale for every noise level.
    """

    def __init__(self, width: int = 96, layers: int = 1) -> None:
        super().__init__()
        self.prior = Prior()
        self.register_buffer("signal", scheduler().alphas_cumprod.clone())
        self.unet = UNet2DConditionModel(
            sample_size=GRID,
            in_channels=3 * CHANNELS + PLACES,
            out_channels=CHANNELS,
            block_out_channels=(width,),
            layers_per_block=layers,
            down_block_types=("CrossAttnDownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D",),
            cross_attention_dim=TEXT_WIDTH,
            attention_head_dim=4,
            norm_num_groups=16,
            resnet_time_scale_shift="scale_shift",
            addition_embed_type="text",
            addition_embed_type_num_heads=8,
            encoder_hid_dim=TEXT_WIDTH,
        )
        nn.init.zeros_(self.unet.conv_out.weight)
        nn.init.zeros_(self.unet.conv_out.bias)

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor) -> Tensor:
        prior = self.prior
        kept = self.signal[timestep.long()].reshape(-1, 1)
        alpha, noise = kept.sqrt(), 1 - kept
        means, within = prior.read(encoder_hidden_states)
        total = kept * within + noise
        middle = prior.middle(sample)
        centred = sample - alpha[..., None, None] * middle
        found = prior.project(centred)
        apart = found[:, None] - alpha[:, None] * means
        likely = torch.softmax(-0.5 * (apart**2 / total[:, None]).sum(2), 1)
        mean = (likely[..., None] * means).sum(1)
        off = found - alpha * mean
        parts = torch.cat((found, mean, off * (1 - within) / total, off * within / total))
        known, mean_part, velocity_part, clean_part = prior.compose(parts, sample).chunk(4)

        kept, alpha, noise = kept[..., None, None], alpha[..., None, None], noise[..., None, None]
        sigma = noise.sqrt()
        rest = centred - known
        beyond = prior.beyond[None, :, None, None] ** 2
        total_beyond = kept * beyond + noise
        mean_picture = middle + mean_part
        velocity = sigma * alpha * (velocity_part + rest * (1 - beyond) / total_beyond) - sigma * mean_picture
        clean = alpha * (clean_part + rest * beyond / total_beyond)
        spread = prior.spread[None, :, None, None]
        scale = (kept * spread**2 + noise).sqrt()
        seen = torch.cat(((sample - alpha * mean_picture) / scale, clean, mean_picture, places(sample)), 1)
        return velocity + spread / scale * self.unet(seen, timestep, encoder_hidden_states, return_dict=False)[0]


def scheduler() -> DDIMScheduler:
    """The schedule that training and sampling share."""
    return DDIMScheduler(**SCHEDULE)


@torch.no_grad()
def sample(denoiser: nn.Module, text: Tensor, empty: Tensor, noise: Tensor, steps: int = 12, guidance: float = 1.5) -> Tensor:
    """Latents for the encoded captions, by DDIM with guidance."""
    schedule = scheduler()
    schedule.set_timesteps(steps)
    latents = noise
    both = torch.cat((empty.expand_as(text), text)) if guidance != 1 else text
    for t in schedule.timesteps:
        out = denoiser(torch.cat((latents, latents)) if guidance != 1 else latents, t, both)
        if guidance != 1:
            without, given = out.chunk(2)
            out = without + guidance * (given - without)
        latents = schedule.step(out, t, latents).prev_sample
    return latents
