"""The real pipelines of diffusers on the tiny networks."""

from typing import Any

import diffusers
import torch
from diffusers import FluxPipeline
from transformers import CLIPTextModel, CLIPTokenizer, T5Tokenizer

import models
import tiny
from models import PARTS, TABLE

# transformers 5 took away the level `text_model`, in which diffusers 0.42 looks for the last normalisation when layers are skipped.
if not hasattr(CLIPTextModel, "text_model"):
    CLIPTextModel.text_model = property(lambda self: self)

NETWORKS: dict[str, Any] = {
    "text-sd1": lambda: tiny.text_encoder(16, 3, 1), "text-sd2": lambda: tiny.text_encoder(24, 2, 2, "gelu", 0),
    "text-1": lambda: tiny.text_encoder(16, 2, 3), "text-1-projected": lambda: tiny.text_encoder_with_projection(16, 2, 4, "quick_gelu"),
    "text-2": lambda: tiny.text_encoder_with_projection(24, 2, 5), "t5-48": lambda: tiny.t5(48, 6), "t5-32": lambda: tiny.t5(32, 7),
    "unet-sd1": tiny.unet_sd1, "unet-sd2": tiny.unet_sd2, "unet-lcm": tiny.unet_lcm, "unet-sdxl": tiny.unet_sdxl, "unet-refiner": tiny.unet_refiner,
    "transformer-sd3": lambda: tiny.transformer_sd3(False), "transformer-sd35": lambda: tiny.transformer_sd3(True),
    "transformer-flux-schnell": lambda: tiny.transformer_flux(False), "transformer-flux-dev": lambda: tiny.transformer_flux(True),
    "vae-sd-decoder": lambda: tiny.vae("sd"), "vae-sdxl-decoder": lambda: tiny.vae("sdxl"), "vae-sd3-decoder": lambda: tiny.vae("sd3"),
    "vae-flux-decoder": lambda: tiny.vae("flux"), "taesd-decoder": tiny.tiny_vae,
}


def network(part: str) -> Any:
    """The network of a part; of one stored in 16 bits, with its weights rounded to them."""
    for suffix, dtype in (("-fp16", torch.float16), ("-bf16", torch.bfloat16), ("-fixed", None), ("-external", None), ("-int64", None)):
        if part.endswith(suffix):
            made = NETWORKS[part.removesuffix(suffix)]()
            if dtype is None:
                return made
            made = models.copied(made)
            for parameter in made.parameters():
                if dtype == torch.float16 or parameter.dim() >= 2:
                    parameter.data = parameter.data.to(dtype).float()
            return made
    return NETWORKS[part]()


def components(name: str, pipeline: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for part, made_of in TABLE[name][4].items():
        if part.startswith("tokenizer"):
            kind = T5Tokenizer if made_of == "tokenizer-t5" else CLIPTokenizer
            made[part] = kind.from_pretrained(PARTS / made_of)
        elif part == "vae_decoder":
            made["vae"] = network(made_of)
        elif part != "vae_encoder":
            made[part] = network(made_of)
    xl = "StableDiffusionXL" in pipeline
    if xl:
        made |= {"tokenizer": made.get("tokenizer"), "text_encoder": made.get("text_encoder"), "add_watermarker": False,
                 "force_zeros_for_empty_prompt": TABLE[name][5]["force_zeros_for_empty_prompt"]}
        if "Img2Img" in pipeline:
            made["requires_aesthetics_score"] = TABLE[name][5].get("requires_aesthetics_score", False)
    elif "StableDiffusion3" in pipeline:
        made |= {key: made.get(key) for key in ("text_encoder_3", "tokenizer_3")}
    elif "Flux" not in pipeline:
        made |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return made


def scheduler(name: str, kind: str | None, options: dict[str, Any]) -> Any:
    """From the file, as users do: a live scheduler remembers which of its values were only defaults."""
    folder = models.MODELS / name / "scheduler"
    kind = kind or models.PUBLISHED[TABLE[name][3]]["_class_name"]
    return getattr(diffusers, kind).from_pretrained(folder, **options)


def pipe(name: str, pipeline: str, kind: str | None, options: dict[str, Any]) -> Any:
    made = getattr(diffusers, pipeline)(scheduler=scheduler(name, kind, options), **components(name, pipeline))
    made.set_progress_bar_config(disable=True)
    return made


def unpacked(latents: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return FluxPipeline._unpack_latents(latents, height, width, 8)


def packed(latents: torch.Tensor) -> torch.Tensor:
    return FluxPipeline._pack_latents(latents, *latents.shape)
