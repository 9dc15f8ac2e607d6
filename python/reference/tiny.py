"""Networks of every family with a few thousand random weights each, the same at every call."""

from functools import cache
from typing import Any, TypeVar

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, FluxTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, T5Config, T5EncoderModel

M = TypeVar("M", bound=torch.nn.Module)
CLIP_VOCABULARY = 640
T5_VOCABULARY = 400


def weights_of(module: M, seed: int, scale: float) -> M:
    """Random weights that keep signals near unit size, so that every layer counts."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.dim() >= 2:
                parameter.normal_(0, scale / (parameter[0].numel() ** 0.5), generator=generator)
            elif "bias" in name:
                parameter.normal_(0, 0.1, generator=generator)
            else:
                parameter.normal_(1, 0.05, generator=generator)
    return module.eval().requires_grad_(False)


def _text_config(width: int, layers: int, activation: str, pad: int) -> CLIPTextConfig:
    end = CLIP_VOCABULARY - 1
    return CLIPTextConfig(vocab_size=CLIP_VOCABULARY, hidden_size=width, intermediate_size=width + 5, num_hidden_layers=layers, num_attention_heads=4,
                          max_position_embeddings=77, projection_dim=width, hidden_act=activation, bos_token_id=end - 1, eos_token_id=end, pad_token_id=pad)


@cache
def text_encoder(width: int, layers: int, seed: int, activation: str = "quick_gelu", pad: int = CLIP_VOCABULARY - 1) -> CLIPTextModel:
    model = weights_of(CLIPTextModel(_text_config(width, layers, activation, pad)), seed, 1.0)
    _tell_tokens_apart(model, seed)
    return model


@cache
def text_encoder_with_projection(width: int, layers: int, seed: int, activation: str = "gelu", pad: int = 0) -> CLIPTextModelWithProjection:
    model = weights_of(CLIPTextModelWithProjection(_text_config(width, layers, activation, pad)), seed, 1.0)
    _tell_tokens_apart(model, seed)
    return model


def _tell_tokens_apart(model: torch.nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed + 1000)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "token_embedding" in name or name.endswith("shared.weight"):
                parameter.normal_(0, 1.0, generator=generator)


@cache
def t5(width: int, seed: int) -> T5EncoderModel:
    model = weights_of(T5EncoderModel(T5Config(vocab_size=T5_VOCABULARY, d_model=width, d_kv=8, d_ff=width, num_layers=1, num_heads=2,
                                               feed_forward_proj="gated-gelu")), seed, 1.0)
    _tell_tokens_apart(model, seed)
    return model


def _unet(seed: int, width: int, **more: Any) -> UNet2DConditionModel:
    config: dict[str, Any] = dict(
        sample_size=16, in_channels=4, out_channels=4, block_out_channels=(4, 8), layers_per_block=1, cross_attention_dim=width, norm_num_groups=2,
        attention_head_dim=2, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"))
    return weights_of(UNet2DConditionModel(**{**config, **more}), seed, 0.8)


@cache
def unet_sd1() -> UNet2DConditionModel:
    return _unet(20, 16, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))


@cache
def unet_sd2() -> UNet2DConditionModel:
    """As SD 2: linear projections, a number of heads for each level."""
    return _unet(21, 24, use_linear_projection=True, attention_head_dim=(2, 4), upcast_attention=True)


@cache
def unet_lcm() -> UNet2DConditionModel:
    return _unet(22, 16, time_cond_proj_dim=32)


@cache
def unet_sdxl() -> UNet2DConditionModel:
    return _unet(23, 40, use_linear_projection=True, transformer_layers_per_block=(1, 2), addition_embed_type="text_time", addition_time_embed_dim=8,
                 projection_class_embeddings_input_dim=6 * 8 + 24)


@cache
def unet_refiner() -> UNet2DConditionModel:
    return _unet(24, 24, use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
                 projection_class_embeddings_input_dim=5 * 8 + 24)


@cache
def transformer_sd3(later: bool) -> SD3Transformer2DModel:
    """SD 3; or 3.5, which normalises queries and keys and attends to itself twice."""
    more: dict[str, Any] = {"qk_norm": "rms_norm", "dual_attention_layers": (0,)} if later else {}
    model = SD3Transformer2DModel(sample_size=16, patch_size=2, in_channels=16, out_channels=16, num_layers=2, attention_head_dim=8,
                                  num_attention_heads=2, joint_attention_dim=48, caption_projection_dim=16, pooled_projection_dim=40,
                                  pos_embed_max_size=24, **more)
    return weights_of(model, 26 if later else 25, 0.8)


@cache
def transformer_flux(guidance: bool) -> FluxTransformer2DModel:
    model = FluxTransformer2DModel(patch_size=1, in_channels=64, num_layers=1, num_single_layers=2, attention_head_dim=8, num_attention_heads=2,
                                   joint_attention_dim=32, pooled_projection_dim=16, guidance_embeds=guidance, axes_dims_rope=(2, 2, 4))
    return weights_of(model, 28 if guidance else 27, 0.8)


@cache
def vae(kind: str) -> AutoencoderKL:
    """Factor 8, as all the real ones."""
    sixteen = {"latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False}
    more: dict[str, Any] = {"sd": {"scaling_factor": 0.18215}, "sdxl": {"scaling_factor": 0.13025},
                            "sd3": {"scaling_factor": 1.5305, "shift_factor": 0.0609, **sixteen},
                            "flux": {"scaling_factor": 0.3611, "shift_factor": 0.1159, **sixteen}}[kind]
    model = AutoencoderKL(sample_size=128, block_out_channels=(4, 4, 4, 8), layers_per_block=1, norm_num_groups=2,
                          down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, **more)
    weights_of(model, {"sd": 30, "sdxl": 31, "sd3": 32, "flux": 33}[kind], 0.7)
    # The encoder's answer: means of the size real ones have, and deviations that can be seen in the sample.
    last = model.encoder.conv_out if kind in ("sd3", "flux") else model.quant_conv
    half = last.weight.shape[0] // 2
    with torch.no_grad():
        last.weight[:half] *= 3.0
        last.weight[half:] *= 0.3
        last.bias[half:] -= 2.0
    return model


@cache
def tiny_vae() -> AutoencoderTiny:
    model = AutoencoderTiny(encoder_block_out_channels=(6, 6, 6, 6), decoder_block_out_channels=(6, 6, 6, 6), num_encoder_blocks=(1, 1, 1, 1),
                            num_decoder_blocks=(1, 1, 1, 1), latent_channels=4)
    return weights_of(model, 34, 1.0)
