"""Writes tests/fixtures/diffusion: two plain models, the pictures drawn with them, and what a denoiser of an older export answers.

The first suite, and the one the drawing code is tested with in detail. Its vocabulary (shared/tokenizer) is kept as it is: everything else
comes out of a run bit for bit the same.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import onnx_parts
from arrays import FIXTURES

OUT = FIXTURES.parent / "diffusion"

TEXTS = [
    "",
    "a red bicycle in the snow",
    "  A   Red\tBicycle\nin THE snow!! ",
    "it's don't we're I've I'm you'll he'd",
    "caf\u00e9 cafe\u0301 na\u00efve \u00dcber stra\u00dfe \u0130stanbul",
    "35mm film, f/1.8, 4k -- (masterpiece:1.2), [fog]",
    "\u4e00\u53ea\u7ea2\u8272\u7684\u81ea\u884c\u8f66 \U0001f6b2\U0001f3fd \u65e5\u672c\u8a9e\u30c6\u30b9\u30c8",
    "\u0441\u043d\u0435\u0433 \u0639\u0631\u0628\u064a \u0939\u093f\u0928\u094d\u0926\u0940",
    "the end<|endoftext|> of the text",
    "\u2460\u00bd\u0663 \u200bzero\u00a0width",
    "a lighthouse at night, " * 20,
]


def weights_of(module: Any, seed: int, scale: float) -> Any:
    """Random weights that keep signals near unit size, so that every layer counts."""
    torch.manual_seed(seed)
    for name, parameter in module.named_parameters():
        with torch.no_grad():
            if parameter.dim() >= 2:
                parameter.normal_(0, scale / (parameter[0].numel() ** 0.5))
            elif "bias" in name:
                parameter.normal_(0, 0.1)
    return module.eval().requires_grad_(False)


def export(module: torch.nn.Module, call: Callable[..., Any], inputs: tuple[torch.Tensor, ...], folder: Path, input_names: list[str],
           output_names: list[str], axes: onnx_parts.Axes | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(onnx_parts.Wrapped(module, call).eval(), inputs, str(folder / "model.onnx"), dynamo=False, opset_version=17,
                      input_names=input_names, output_names=output_names, dynamic_axes=axes)
    onnx_parts.tidy(folder / "model.onnx", {*input_names, *output_names}, False)


def predict(unet: Any, sample: torch.Tensor, timestep: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    return unet(sample, timestep, hidden, return_dict=False)[0]


def text_parts(width: int) -> dict[str, Any]:
    """Tokenizer and text encoder, shared by the models."""
    folder = OUT / "shared"
    # Not from_pretrained: its configuration tells of the padding token as older versions did, which this one refuses.
    words = CLIPTokenizer(vocab=str(folder / "tokenizer/vocab.json"), merges=str(folder / "tokenizer/merges.txt"), model_max_length=77)
    vocabulary = len(words)
    end = vocabulary - 1
    text = weights_of(CLIPTextModel(CLIPTextConfig(vocab_size=vocabulary, hidden_size=width, intermediate_size=37,
        num_hidden_layers=1, num_attention_heads=4, max_position_embeddings=77, projection_dim=width,
        bos_token_id=end - 1, eos_token_id=end, pad_token_id=end)), 1, 1.0)
    export(text, lambda m, ids: (m(ids).last_hidden_state, m(ids).pooler_output), (torch.zeros(1, 77, dtype=torch.int64),),
           folder / "text_encoder", ["input_ids"], ["last_hidden_state", "pooler_output"], {"input_ids": {0: "batch_size"}})
    (folder / "text_encoder/config.json").write_text(json.dumps(text.config.to_dict(), default=str, indent=1))
    return dict(tokenizer=words, text_encoder=text)


def model(name: str, shared: dict[str, Any], channels: int, vae_blocks: tuple[int, ...], unet_blocks: tuple[int, ...], scheduler: Any) -> dict[str, Any]:
    folder = OUT / name
    width = shared["text_encoder"].config.hidden_size
    levels = len(unet_blocks)
    unet = weights_of(UNet2DConditionModel(sample_size=[12, 8], in_channels=channels, out_channels=channels,
        block_out_channels=unet_blocks, layers_per_block=1, cross_attention_dim=width, norm_num_groups=2, attention_head_dim=2,
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * (levels - 1),
        up_block_types=("CrossAttnUpBlock2D",) * (levels - 1) + ("UpBlock2D",)), 2, 0.7)
    vae = weights_of(AutoencoderKL(latent_channels=channels, block_out_channels=vae_blocks, layers_per_block=1, norm_num_groups=2,
        down_block_types=("DownEncoderBlock2D",) * len(vae_blocks), up_block_types=("UpDecoderBlock2D",) * len(vae_blocks),
        scaling_factor=0.18215 if channels == 4 else 0.7), 3, 0.7)
    export(unet, predict, (torch.randn(2, channels, 12, 8), torch.tensor(999), torch.randn(2, 77, width)), folder / "unet",
           ["sample", "timestep", "encoder_hidden_states"], ["out_sample"],
           {"sample": {0: "batch_size", 2: "height", 3: "width"}, "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"}})
    export(vae, lambda m, z: m.decode(z, return_dict=False)[0], (torch.randn(1, channels, 12, 8),), folder / "vae_decoder",
           ["latent_sample"], ["sample"], {"latent_sample": {0: "batch_size", 2: "height", 3: "width"}})
    for part, module in (("unet", unet), ("vae_decoder", vae)):
        config = {k: v for k, v in module.config.items() if not k.startswith("_")}
        (folder / part / "config.json").write_text(json.dumps(config, default=str, indent=1, sort_keys=True))
    scheduler.save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "OnnxStableDiffusionPipeline", "_diffusers_version": "0.42.1"}))
    return dict(**shared, unet=unet, vae=vae, scheduler=scheduler)


def pictures(name: str, parts: dict[str, Any], cases: list[dict[str, Any]]) -> None:
    """What diffusers draws: the cases as JSON, the noise and the final latents as NPY, the picture as raw bytes."""
    told = []
    for i, case in enumerate(cases):
        kind = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler, "auto": type(parts["scheduler"])}[case["scheduler"]]
        # From the file, as users do: a live scheduler remembers which of its values were only defaults.
        scheduler = kind.from_pretrained(OUT / name, subfolder="scheduler")
        pipe = StableDiffusionPipeline(**{**parts, "scheduler": scheduler}, safety_checker=None, feature_extractor=None,
                                       requires_safety_checker=False)
        pipe.set_progress_bar_config(disable=True)
        call = dict(prompt=case["prompt"], negative_prompt=case["negative_prompt"], width=case["width"], height=case["height"],
                    num_inference_steps=case["inference_steps"], guidance_scale=case["guidance_scale"])
        noise = {} if case["noise"] is None else {"latents": torch.from_numpy(np.random.default_rng(case["noise"]).standard_normal(
            (1, parts["unet"].config.in_channels, case["height"] // pipe.vae_scale_factor, case["width"] // pipe.vae_scale_factor), dtype=np.float32))}
        seeded = lambda: {**noise, "generator": torch.Generator().manual_seed(case["seed"])}
        latents = pipe(**call, **seeded(), output_type="latent").images
        image = (pipe(**call, **seeded(), output_type="np").images[0] * 255).round().astype(np.uint8)
        if noise:
            np.save(OUT / name / f"case{i}.noise.npy", noise["latents"].numpy())
        np.save(OUT / name / f"case{i}.latents.npy", latents.numpy())
        np.save(OUT / name / f"case{i}.image.npy", image)
        told.append(case)
        print(name, i, case["scheduler"], "latents", float(latents.abs().max()), "image std", image.std())
    (OUT / name / "cases.json").write_text(json.dumps(told, indent=1))


def case(scheduler: str, steps: int, guidance: float, width: int = 64, height: int = 96, seed: int = 7, noise: int | None = None,
         prompt: str = "a red bicycle in the snow", negative: str = "blurry, text") -> dict[str, Any]:
    return dict(scheduler=scheduler, inference_steps=steps, guidance_scale=guidance, width=width, height=height, seed=seed, noise=noise,
                prompt=prompt, negative_prompt=negative)


def tokens(words: CLIPTokenizer) -> None:
    told = [{"text": text, "ids": words(text, padding="max_length", max_length=77, truncation=True).input_ids,
             "count": len(words(text, add_special_tokens=False).input_ids)} for text in TEXTS]
    (OUT / "tokens.json").write_text(json.dumps(told))


def noise() -> None:
    told = []
    for seed, count in [(0, 1), (1, 5), (2, 15), (3, 16), (4, 17), (2**40 + 5, 40), (7, 4 * 12 * 8), (2**53 - 1, 1001)]:
        bits = torch.randn(count, generator=torch.Generator().manual_seed(seed)).view(torch.int32).numpy().view(np.uint32)
        told.append({"seed": seed, "bits": bits.tolist()})
    (OUT / "noise.json").write_text(json.dumps(told))


def schedules() -> None:
    """Timesteps, sigmas and a whole run over random answers of a denoiser, for a grid of configurations."""
    generator = torch.Generator().manual_seed(5)
    start = torch.randn(1, 1, 2, 3, generator=generator)
    answers = [torch.randn(1, 1, 2, 3, generator=generator) for _ in range(4)]
    scaled = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    cosine, zero = {"beta_schedule": "squaredcos_cap_v2"}, {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}
    grid = []
    for spacing in ("leading", "trailing", "linspace"):
        for prediction in ("epsilon", "sample", "v_prediction"):
            grid.append(("ddim", {**scaled, "timestep_spacing": spacing, "prediction_type": prediction, "clip_sample": False,
                                  "steps_offset": 1, "set_alpha_to_one": False}, 7))
            grid.append(("euler", {**scaled, "timestep_spacing": spacing, "prediction_type": prediction, "steps_offset": 1}, 7))
        grid.append(("ddim", {**scaled, **zero, "timestep_spacing": spacing, "clip_sample": False}, 12))
        grid.append(("euler", {**scaled, **zero, "timestep_spacing": spacing}, 12))
        grid.append(("euler", {**scaled, "timestep_spacing": spacing, "use_karras_sigmas": True}, 9))
    grid += [("ddim", {}, 10), ("ddim", {**cosine, "clip_sample_range": 0.5}, 4), ("ddim", {**scaled, "clip_sample": False}, 50),
             ("ddim", {**scaled, "timestep_spacing": "trailing", "clip_sample": False}, 1), ("ddim", {"num_train_timesteps": 100}, 33),
             ("ddim", {**scaled, "timestep_spacing": "trailing", "clip_sample": False}, 49),
             ("ddim", {"trained_betas": [0.01, 0.02, 0.05, 0.1, 0.2, 0.4], "num_train_timesteps": 6}, 3),
             ("euler", {}, 10), ("euler", {**cosine}, 4), ("euler", {**scaled, "final_sigmas_type": "sigma_min"}, 5),
             ("euler", {**scaled, "interpolation_type": "log_linear"}, 6), ("euler", {**scaled}, 1), ("euler", {**scaled}, 50),
             ("euler", {**scaled, "use_karras_sigmas": True, "sigma_min": 0.03, "sigma_max": 14.6, "timestep_spacing": "trailing"}, 8)]
    told = []
    for kind, config, steps in grid:
        scheduler = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler}[kind](**config)
        scheduler.set_timesteps(steps)
        latents, run = start * scheduler.init_noise_sigma, []
        shown = []
        for i, t in enumerate(scheduler.timesteps):
            shown.append(float(scheduler.scale_model_input(latents, t).flatten()[0]))
            latents = scheduler.step(answers[i % 4], t, latents, return_dict=False)[0]
            run.append(latents.flatten().tolist())
        told.append({"kind": kind, "config": config, "inference_steps": steps, "timesteps": scheduler.timesteps.tolist(),
                     "init_noise_sigma": float(scheduler.init_noise_sigma), "shown": shown, "run": run})
    (OUT / "schedules.json").write_text(json.dumps({"start": start.flatten().tolist(), "answers": [a.flatten().tolist() for a in answers], "schedules": told}))


def dialect() -> None:
    """A denoiser as older exporters write it: halves, one row, timesteps as a list of floats, the output `latent`."""
    unet = weights_of(UNet2DConditionModel(sample_size=8, in_channels=4, out_channels=4, block_out_channels=(4, 8), layers_per_block=1,
        cross_attention_dim=16, norm_num_groups=2, attention_head_dim=2, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D")), 4, 0.7)
    generator = torch.Generator().manual_seed(9)
    sample, hidden = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 77, 16, generator=generator)
    predicted = predict(unet, sample, torch.tensor(500.0), hidden)
    (OUT / "dialect").mkdir()
    for name, array in (("sample", sample), ("hidden", hidden), ("predicted", predicted)):
        np.save(OUT / "dialect" / f"{name}.npy", array.numpy())
    export(unet.half(), predict, (sample[:1].half(), torch.tensor([500.0]), hidden[:1].half()), OUT / "dialect/unet",
           ["sample", "timestep", "encoder_hidden_states"], ["latent"], None)


def main() -> None:
    for old in OUT.iterdir():
        if old.name != "shared":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    shared = text_parts(16)
    plain = model("plain", shared, 4, (4, 4, 4, 8), (4, 8), DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                  set_alpha_to_one=False, steps_offset=1, clip_sample=False))
    pictures("plain", plain, [case("auto", 4, 7.5), case("euler", 5, 5.0, noise=1), case("ddim", 3, 1.0, noise=2, negative=""),
                              case("ddim", 6, 3.0, 96, 64, 2**33 + 1, prompt="a lighthouse at night, " * 20)])
    velocity = model("velocity", shared, 12, (4, 8, 8), (4, 8), DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                     prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing", clip_sample=False))
    pictures("velocity", velocity, [case("auto", 8, 4.0, 48, 80), case("euler", 6, 4.0, 48, 80, noise=3), case("ddim", 12, 1.0, 32, 32)])
    tokens(plain["tokenizer"])
    noise()
    schedules()
    dialect()
    print(sum(f.stat().st_size for f in OUT.rglob("*") if f.is_file()) // 1024, "KiB")


if __name__ == "__main__":
    main()
