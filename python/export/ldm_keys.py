"""The tiny Stable Diffusion 1 of the reference suite as one file with the keys of its original release; for the test."""

import re
from pathlib import Path

import torch
from safetensors.torch import save_file

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3",
          "conv_shortcut": "skip_connection"}
# One layer a level, two levels, attention in the first.
UNET = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_norm_out": "out.0",
        "conv_out": "out.2", "down_blocks.0.resnets.0": "input_blocks.1.0", "down_blocks.0.attentions.0": "input_blocks.1.1",
        "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op", "down_blocks.1.resnets.0": "input_blocks.3.0",
        "mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1", "mid_block.resnets.1": "middle_block.2",
        "up_blocks.0.resnets.0": "output_blocks.0.0", "up_blocks.0.resnets.1": "output_blocks.1.0",
        "up_blocks.0.upsamplers.0.conv": "output_blocks.1.1.conv", "up_blocks.1.resnets.0": "output_blocks.2.0",
        "up_blocks.1.attentions.0": "output_blocks.2.1", "up_blocks.1.resnets.1": "output_blocks.3.0", "up_blocks.1.attentions.1": "output_blocks.3.1"}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_key(key: str) -> str:
    start = next(start for start in UNET if key.startswith(start + "."))
    rest = key[len(start) + 1 :]
    if "resnets" in start:
        layer, _, kind = rest.partition(".")
        rest = f"{RESNET[layer]}.{kind}"
    return f"model.diffusion_model.{UNET[start]}.{rest}"


def vae_key(key: str) -> str:
    key = re.sub(r"decoder\.up_blocks\.(\d)", lambda m: f"decoder.up.{3 - int(m[1])}", key).replace("down_blocks", "down")
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", key).replace("resnets", "block")
    key = key.replace("downsamplers.0", "downsample").replace("upsamplers.0", "upsample").replace("conv_shortcut", "nin_shortcut")
    if "mid_block.attentions.0" in key:
        key = key.replace("mid_block.attentions.0", "mid.attn_1")
        for ours, theirs in VAE_ATTENTION.items():
            key = key.replace(f"attn_1.{ours}.", f"attn_1.{theirs}.")
    return "first_stage_model." + key.replace("conv_norm_out", "norm_out")


def save(unet: torch.nn.Module, vae: torch.nn.Module, text: torch.nn.Module, file: Path) -> None:
    kept = {unet_key(key): value for key, value in unet.state_dict().items()}
    for key, value in vae.state_dict().items():
        linear = "attn_1" in vae_key(key) and value.dim() == 2
        kept[vae_key(key)] = value[:, :, None, None] if linear else value  # they were convolutions
    kept |= {f"cond_stage_model.transformer.text_model.{key.removeprefix('text_model.')}": value for key, value in text.state_dict().items()
             if "position_ids" not in key}
    save_file({key: value.contiguous().clone() for key, value in kept.items()}, file)
