"""Seconds that diffusers on torch takes for one picture: peer.py tiny|sd15 WIDTH HEIGHT STEPS GUIDANCE THREADS TIMES."""

import sys
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

HERE = Path(__file__).resolve()


def tiny() -> StableDiffusionPipeline:
    """The very weights of the reference suite."""
    sys.path[:0] = [str(HERE.parents[2] / "python/reference"), str(HERE.parents[2] / "python")]
    import pipelines

    return pipelines.pipe("sd1", "StableDiffusionPipeline", None, {})


def sd15() -> StableDiffusionPipeline:
    """Stable Diffusion 1.5's shapes; its time does not depend on its numbers."""
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8, block_out_channels=(320, 640, 1280, 1280))
    vae = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, down_block_types=("DownEncoderBlock2D",) * 4,
                        up_block_types=("UpDecoderBlock2D",) * 4, sample_size=512)
    text = CLIPTextModel(CLIPTextConfig(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
                                        projection_dim=768))
    tokenizer = CLIPTokenizer.from_pretrained(HERE.parents[2] / "assets/models/pocket/tokenizer", model_max_length=77)
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, clip_sample=False, set_alpha_to_one=False)
    return StableDiffusionPipeline(vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler, safety_checker=None,
                                   feature_extractor=None, requires_safety_checker=False)


def main() -> None:
    model, width, height, steps, guidance, threads, times = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    pipe = {"tiny": tiny, "sd15": sd15}[model]()
    pipe.set_progress_bar_config(disable=True)
    best = float("inf")
    with torch.no_grad():
        for _ in range(int(times)):
            begun = time.perf_counter()
            pipe("a lighthouse by the sea", width=int(width), height=int(height), num_inference_steps=int(steps), guidance_scale=float(guidance),
                 generator=torch.Generator().manual_seed(7), output_type="pil")
            best = min(best, time.perf_counter() - begun)
    print(best)


if __name__ == "__main__":
    main()
