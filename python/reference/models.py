"""The model folders: which parts each is made of, and what its own small files say."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import torch

import onnx_parts
import tiny
import tokens
from arrays import FIXTURES
from corpus import ENGLISH
from scheduler_cases import PUBLISHED

MODELS = FIXTURES / "models"
PARTS = MODELS / "parts"

CLIP = {"tokenizer": "tokenizer"}
SD = {**CLIP, "text_encoder": "text-sd1", "unet": "unet-sd1", "vae_decoder": "vae-sd-decoder", "vae_encoder": "vae-sd-encoder"}
SDXL = {**CLIP, "tokenizer_2": "tokenizer-2", "text_encoder": "text-1", "text_encoder_2": "text-2", "unet": "unet-sdxl",
        "vae_decoder": "vae-sdxl-decoder", "vae_encoder": "vae-sdxl-encoder"}
SD3 = {**CLIP, "tokenizer_2": "tokenizer-2", "tokenizer_3": "tokenizer-t5", "text_encoder": "text-1-projected", "text_encoder_2": "text-2",
       "text_encoder_3": "t5-48", "transformer": "transformer-sd3", "vae_decoder": "vae-sd3-decoder", "vae_encoder": "vae-sd3-encoder"}
FLUX = {**CLIP, "tokenizer_2": "tokenizer-t5", "text_encoder": "text-1", "text_encoder_2": "t5-32", "transformer": "transformer-flux-schnell",
        "vae_decoder": "vae-flux-decoder", "vae_encoder": "vae-flux-encoder"}
XL = {"force_zeros_for_empty_prompt": True, "add_watermarker": None}

# name: family, what it stands for, pipeline class, scheduler, parts, more of model_index.json
TABLE: dict[str, tuple[str, str, str, str, dict[str, str], dict[str, Any]]] = {
    "sd1": ("sd1", "SD 1.5", "OnnxStableDiffusionPipeline", "sd15", SD, {}),
    "sd1-fp16": ("sd1", "SD 1.5 in float16 throughout, inputs and outputs too", "StableDiffusionPipeline", "sd15",
                 {part: f"{name}-fp16" if "-" in name else name for part, name in SD.items()}, {}),
    "sd1-bf16": ("sd1", "SD 1.5, the UNet's weights stored in bfloat16", "StableDiffusionPipeline", "sd15", {**SD, "unet": "unet-sd1-bf16"}, {}),
    "sd1-external": ("sd1", "SD 1.5, the UNet's weights in model.onnx_data", "StableDiffusionPipeline", "sd15", {**SD, "unet": "unet-sd1-external"}, {}),
    "sd1-int64": ("sd1", "SD 1.5, timesteps as int64", "StableDiffusionPipeline", "sd15-ddim", {**SD, "unet": "unet-sd1-int64"}, {}),
    "sd1-fixed": ("sd1", "SD 1.5, one row of 64x96 only", "StableDiffusionPipeline", "sd15",
                  {part: f"{name}-fixed" if "-" in name else name for part, name in SD.items()}, {}),
    "sd1-taesd": ("sd1", "SD 1.5 with a tiny autoencoder", "StableDiffusionPipeline", "sd15",
                  {**SD, "vae_decoder": "taesd-decoder", "vae_encoder": "taesd-encoder"}, {}),
    "sd2": ("sd2", "SD 2.1: v-prediction, its text encoder ends at the penultimate layer, pads with !", "StableDiffusionPipeline", "sd21",
            {**SD, "tokenizer": "tokenizer-2", "text_encoder": "text-sd2", "unet": "unet-sd2"}, {}),
    "sd-turbo": ("sd2", "SD-Turbo", "StableDiffusionPipeline", "sd-turbo",
                 {**SD, "tokenizer": "tokenizer-2", "text_encoder": "text-sd2", "unet": "unet-sd2"}, {}),
    "lcm": ("lcm", "LCM: guidance as an embedding", "LatentConsistencyModelPipeline", "lcm", {**SD, "unet": "unet-lcm"}, {}),
    "sdxl": ("sdxl", "SDXL base", "StableDiffusionXLPipeline", "sdxl", SDXL, XL),
    "sdxl-turbo": ("sdxl", "SDXL-Turbo", "StableDiffusionXLPipeline", "sdxl-turbo", SDXL, XL),
    "sdxl-lightning": ("sdxl", "SDXL-Lightning", "StableDiffusionXLPipeline", "lightning", SDXL, XL),
    "sdxl-plain": ("sdxl", "SDXL that does encode an empty negative prompt", "StableDiffusionXLPipeline", "sdxl", SDXL,
                   {**XL, "force_zeros_for_empty_prompt": False}),
    "refiner": ("sdxl-refiner", "SDXL refiner", "StableDiffusionXLImg2ImgPipeline", "sdxl",
                {"tokenizer_2": "tokenizer-2", "text_encoder_2": "text-2", "unet": "unet-refiner", "vae_decoder": "vae-sdxl-decoder",
                 "vae_encoder": "vae-sdxl-encoder"}, {"force_zeros_for_empty_prompt": False, "requires_aesthetics_score": True, "add_watermarker": None}),
    "sd3": ("sd3", "SD 3", "StableDiffusion3Pipeline", "sd3", SD3, {}),
    "sd3-no-t5": ("sd3", "SD 3 without T5", "StableDiffusion3Pipeline", "sd3",
                  {part: name for part, name in SD3.items() if not part.endswith("_3")}, {}),
    "sd35": ("sd3", "SD 3.5", "StableDiffusion3Pipeline", "sd3", {**SD3, "transformer": "transformer-sd35"}, {}),
    "flux-schnell": ("flux", "FLUX.1 schnell", "FluxPipeline", "flux-schnell", FLUX, {}),
    "flux-dev": ("flux", "FLUX.1 dev: guidance as an input", "FluxPipeline", "flux-dev", {**FLUX, "transformer": "transformer-flux-dev"}, {}),
}


def tokenizers() -> None:
    for name, pad in (("tokenizer", tokens.END), ("tokenizer-2", "!")):
        made = tokens.clip(PARTS / name, tiny.CLIP_VOCABULARY, [ENGLISH] * 4, pad=pad)
        assert len(made) == tiny.CLIP_VOCABULARY, len(made)
    pieces = tokens.t5(PARTS / "tokenizer-t5", 290, [ENGLISH] * 4, "identity", 512, False)
    assert len(pieces) <= tiny.T5_VOCABULARY, len(pieces)


def copied(module: Any) -> Any:
    return copy.deepcopy(module)


def halved(module: Any) -> Any:
    return copied(module).half()


def parts() -> None:
    """Each ONNX file once; models share them."""
    p = PARTS
    onnx_parts.text_encoder(p / "text-sd1", tiny.text_encoder(16, 3, 1))
    onnx_parts.text_encoder(p / "text-sd2", tiny.text_encoder(24, 2, 2, "gelu", 0), hidden=False)
    onnx_parts.text_encoder(p / "text-1", tiny.text_encoder(16, 2, 3))
    onnx_parts.text_encoder(p / "text-1-projected", tiny.text_encoder_with_projection(16, 2, 4, "quick_gelu"), pooled_first=True)
    onnx_parts.text_encoder(p / "text-2", tiny.text_encoder_with_projection(24, 2, 5), pooled_first=True)
    onnx_parts.t5(p / "t5-48", tiny.t5(48, 6))
    onnx_parts.t5(p / "t5-32", tiny.t5(32, 7))
    onnx_parts.unet(p / "unet-sd1", tiny.unet_sd1(), names=True)
    onnx_parts.unet(p / "unet-sd2", tiny.unet_sd2())
    onnx_parts.unet(p / "unet-lcm", tiny.unet_lcm())
    onnx_parts.unet(p / "unet-sdxl", tiny.unet_sdxl())
    onnx_parts.unet(p / "unet-refiner", tiny.unet_refiner())
    onnx_parts.sd3(p / "transformer-sd3", tiny.transformer_sd3(False))
    onnx_parts.sd3(p / "transformer-sd35", tiny.transformer_sd3(True))
    onnx_parts.flux(p / "transformer-flux-schnell", tiny.transformer_flux(False))
    onnx_parts.flux(p / "transformer-flux-dev", tiny.transformer_flux(True))
    for kind in ("sd", "sdxl", "sd3", "flux"):
        onnx_parts.vae_decoder(p / f"vae-{kind}-decoder", tiny.vae(kind))
        onnx_parts.vae_encoder(p / f"vae-{kind}-encoder", tiny.vae(kind))
    onnx_parts.vae_decoder(p / "taesd-decoder", tiny.tiny_vae())
    onnx_parts.vae_encoder(p / "taesd-encoder", tiny.tiny_vae())


def variants() -> None:
    """SD 1.5 again: halves, other storage, one size."""
    p = PARTS
    for name, extra in (("fixed", {"fixed": True, "batch": 1}), ("fp16", {"tolerance": 2e-2, "opset": 14})):
        made = halved if name == "fp16" else lambda module: module
        typed = {"dtype": torch.float16} if name == "fp16" else {}
        onnx_parts.text_encoder(p / f"text-sd1-{name}", made(tiny.text_encoder(16, 3, 1)), **extra)
        onnx_parts.unet(p / f"unet-sd1-{name}", made(tiny.unet_sd1()), **extra, **typed)
        onnx_parts.vae_decoder(p / f"vae-sd-decoder-{name}", made(tiny.vae("sd")), **extra, **typed)
        onnx_parts.vae_encoder(p / f"vae-sd-encoder-{name}", made(tiny.vae("sd")), **extra, **typed)
    onnx_parts.unet(p / "unet-sd1-int64", tiny.unet_sd1(), whole=True)
    onnx_parts.with_external_data(p / "unet-sd1", p / "unet-sd1-external", "model.onnx_data")
    onnx_parts.weights_in_bfloat16(p / "unet-sd1", p / "unet-sd1-bf16")
    onnx_parts.all_in_bfloat16(p / "unet-sd1-fp16", p.parent / "bfloat16")
    onnx_parts.norms_as_one_operator(p / "vae-sd-decoder", p.parent / "vae-group-norm")


def classes(name: str) -> dict[str, list[str | None]]:
    """The parts as `model_index.json` lists them."""
    kinds = {"tokenizer": ["transformers", "CLIPTokenizer"], "text_encoder": ["optimum", "ORTTextEncoder"], "unet": ["optimum", "ORTUnet"],
             "transformer": ["optimum", "ORTTransformer"], "vae_decoder": ["optimum", "ORTVaeDecoder"], "vae_encoder": ["optimum", "ORTVaeEncoder"]}
    listed: dict[str, list[str | None]] = {}
    for part, made_of in TABLE[name][4].items():
        listed[part] = list(kinds[part.rstrip("_23")]) if made_of != "tokenizer-t5" else ["transformers", "T5TokenizerFast"]
    listed["scheduler"] = ["diffusers", PUBLISHED[TABLE[name][3]]["_class_name"]]
    if name == "refiner":
        listed |= {"tokenizer": [None, None], "text_encoder": [None, None]}
    return listed


def folders() -> None:
    told = {}
    for name, (family, about, pipeline, scheduler, made_of, more) in TABLE.items():
        folder = MODELS / name
        (folder / "scheduler").mkdir(parents=True)
        index = {"_class_name": pipeline, "_diffusers_version": "0.42.1", **classes(name), **more}
        (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
        config = {"_diffusers_version": "0.42.1", **PUBLISHED[scheduler]}
        (folder / "scheduler/scheduler_config.json").write_text(json.dumps(config, indent=2) + "\n")
        told[name] = {"family": family, "about": about, "parts": made_of}
    for name, model in told.items():
        for part in model["parts"].values():
            assert (PARTS / part).is_dir(), (name, part)
    (MODELS / "models.json").write_text(json.dumps(told, indent=1) + "\n")


def whole(name: str, folder: Path) -> Path:
    """The model put together."""
    shutil.copytree(MODELS / name, folder / name)
    for part, made_of in TABLE[name][4].items():
        shutil.copytree(PARTS / made_of, folder / name / part)
    return folder / name


def main() -> None:
    shutil.rmtree(MODELS, ignore_errors=True)
    tokenizers()
    parts()
    variants()
    folders()
    print(sum(f.stat().st_size for f in MODELS.rglob("*") if f.is_file()) // 1024, "KiB")


if __name__ == "__main__":
    main()
