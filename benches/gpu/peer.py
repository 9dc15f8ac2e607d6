"""Seconds that one step of a UNet, two rows, takes diffusers on torch with its own offloads:
peer.py tiny|sd15|sdxl WIDTH HEIGHT none|model|group|leaf|sequential float32|float16 RUNS DEVICE.

`group` and `leaf` are its group offload by blocks and by leaves, the next one prefetched on a stream of its own.

Answers one line of JSON: {"seconds": ..}, of the last run, or {"left_out": why}. Weights are random.
"""

import json
import sys
import time

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel

CROSS, PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
CROSS_UP, PLAIN_UP = "CrossAttnUpBlock2D", "UpBlock2D"
UNETS = {
    "tiny": dict(sample_size=8, cross_attention_dim=16, attention_head_dim=2, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
                 down_block_types=(CROSS, PLAIN), up_block_types=(PLAIN_UP, CROSS_UP)),
    "sd15": dict(sample_size=64, cross_attention_dim=768, attention_head_dim=8, block_out_channels=(320, 640, 1280, 1280)),
    "sdxl": dict(sample_size=128, cross_attention_dim=2048, attention_head_dim=(5, 10, 20), block_out_channels=(320, 640, 1280),
                 transformer_layers_per_block=(1, 2, 10), use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
                 projection_class_embeddings_input_dim=2816, down_block_types=(PLAIN, CROSS, CROSS), up_block_types=(CROSS_UP, CROSS_UP, PLAIN_UP)),
}


def pipeline(model: str, kind: torch.dtype):
    """What the offloads are switched on of: the UNet, and as little beside it as a pipeline takes."""
    torch.set_default_dtype(kind)
    unet = UNet2DConditionModel(**UNETS[model]).eval()
    vae = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4).eval()
    torch.set_default_dtype(torch.float32)
    rest = {"scheduler": DDIMScheduler(steps_offset=1, clip_sample=False), "text_encoder": None, "tokenizer": None}
    if model == "sdxl":
        return StableDiffusionXLPipeline(vae=vae, unet=unet, text_encoder_2=None, tokenizer_2=None, add_watermarker=False, **rest)
    return StableDiffusionPipeline(vae=vae, unet=unet, safety_checker=None, feature_extractor=None, requires_safety_checker=False, **rest)


def offload(pipe, how: str, device: str) -> None:
    if how == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif how in ("group", "leaf"):
        by = {"offload_type": "block_level", "num_blocks_per_group": 1} if how == "group" else {"offload_type": "leaf_level"}
        pipe.enable_group_offload(onload_device=torch.device(device), use_stream=device.startswith("cuda"), **by)
    elif how == "sequential":
        pipe.enable_sequential_cpu_offload(device=device)
    else:
        pipe.to(device)


def given(model: str, width: int, height: int, kind: torch.dtype, device: str) -> dict:
    """What the UNet is told, for two rows; latents are an eighth of the picture's size."""
    values = lambda *shape: torch.randn(shape, generator=torch.Generator().manual_seed(7)).to(device, kind)
    told = {"sample": values(2, 4, height // 8, width // 8), "timestep": 501, "encoder_hidden_states": values(2, 77, UNETS[model]["cross_attention_dim"])}
    if model == "sdxl":
        told["added_cond_kwargs"] = {"text_embeds": values(2, 1280), "time_ids": values(2, 6)}
    return told


def measured(model: str, width: int, height: int, how: str, precision: str, runs: int, device: str) -> dict:
    if device.startswith("cuda") and not torch.cuda.is_available():
        return {"left_out": "torch finds no card that it can use"}
    kind = {"float32": torch.float32, "float16": torch.float16}[precision]
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    torch.manual_seed(0)
    pipe = pipeline(model, kind)
    offload(pipe, how, device)
    told = given(model, width, height, kind, device)
    seconds = None
    with torch.no_grad():
        for _ in range(runs):
            begun = time.perf_counter()
            predicted = pipe.unet(**told).sample
            # As ours does: the answer lies in the processor's memory.
            predicted = predicted.cpu()
            wait()
            seconds = time.perf_counter() - begun
    expected = (2, 4, height // 8, width // 8)
    if tuple(predicted.shape) != expected:
        raise SystemExit(f"it answers {tuple(predicted.shape)}, expected {expected}")
    return {"seconds": seconds}


def main() -> None:
    if len(sys.argv) != 8:
        raise SystemExit(__doc__)
    model, width, height, how, precision, runs, device = sys.argv[1:]
    try:
        print(json.dumps(measured(model, int(width), int(height), how, precision, int(runs), device)))
    except torch.OutOfMemoryError:
        print(json.dumps({"left_out": "out of memory"}))


if __name__ == "__main__":
    main()
