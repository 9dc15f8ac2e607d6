"""IP-Adapters with random weights in the layout they are published in, and what diffusers draws with them."""

import json
import logging
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from safetensors.torch import save_file
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

import onnx_parts
import pipelines
import tiny
from arrays import FIXTURES, Arrays, write
from picture_cases import NEGATIVE, PROMPT, TEXT, IMAGE
from pictures import init_image

FOLDER = FIXTURES / "ip_adapter"
SIDE, WIDTH, EMBEDS, TOKENS = 32, 16, 24, 4
PIPELINES = {"sd1": TEXT["sd"], "sdxl": TEXT["xl"]}


def image_encoder() -> CLIPVisionModelWithProjection:
    config = CLIPVisionConfig(hidden_size=WIDTH, intermediate_size=WIDTH + 5, num_hidden_layers=3, num_attention_heads=4, image_size=SIDE, patch_size=8,
                              projection_dim=EMBEDS)
    return tiny.weights_of(CLIPVisionModelWithProjection(config), 40, 1.0)


def processor() -> CLIPImageProcessor:
    return CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})


def export_image_encoder(encoder: Any) -> None:
    folder = FOLDER / "image_encoder"

    def call(m: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        out = m(pixels, output_hidden_states=True)
        return (out.image_embeds, out.last_hidden_state, *out.hidden_states)

    names = ["image_embeds", "last_hidden_state", *(f"hidden_states.{k}" for k in range(encoder.config.num_hidden_layers + 1))]
    given = lambda rows: {"pixel_values": torch.randn(rows, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(rows))}
    axes = {name: {0: "batch_size"} for name in ("pixel_values", *names)}
    onnx_parts.export(folder, encoder, call, given(2), names, axes, given(1))
    processor().save_pretrained(FOLDER / "feature_extractor")


def projections(unet: Any, seed: int) -> dict[str, torch.Tensor]:
    """`N.to_k_ip.weight`, N odd: the cross-attentions in the order of diffusers' list of attention processors."""
    generator = torch.Generator().manual_seed(seed)
    made: dict[str, torch.Tensor] = {}
    for number, name in enumerate(cross_attentions(unet)):
        attention = unet.get_submodule(name)
        for part in ("k", "v"):
            shape = (attention.to_k.out_features, unet.config.cross_attention_dim)
            made[f"{2 * number + 1}.to_{part}_ip.weight"] = torch.randn(shape, generator=generator) / shape[1] ** 0.5
    return made


def cross_attentions(unet: Any) -> list[str]:
    return [name.removesuffix(".processor") for name in unet.attn_processors if name.endswith("attn2.processor")]


def image_projection(kind: str, width: int, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator) / shape[-1] ** 0.5
    near = lambda size, about: about + 0.1 * torch.randn(size, generator=generator)
    if kind == "base":
        return {"proj.weight": draw(TOKENS * width, EMBEDS), "proj.bias": near(TOKENS * width, 0.0), "norm.weight": near(width, 1.0),
                "norm.bias": near(width, 0.0)}
    inner, heads, queries = 8, 64, 5
    made = {"latents": draw(1, queries, inner), "proj_in.weight": draw(inner, WIDTH), "proj_in.bias": near(inner, 0.0),
            "proj_out.weight": draw(width, inner), "proj_out.bias": near(width, 0.0), "norm_out.weight": near(width, 1.0), "norm_out.bias": near(width, 0.0)}
    for layer in range(4):
        attention, forward = f"layers.{layer}.0.", f"layers.{layer}.1."
        made |= {attention + "norm1.weight": near(inner, 1.0), attention + "norm1.bias": near(inner, 0.0), attention + "norm2.weight": near(inner, 1.0),
                 attention + "norm2.bias": near(inner, 0.0), attention + "to_q.weight": draw(heads, inner),
                 attention + "to_kv.weight": draw(2 * heads, inner), attention + "to_out.weight": draw(inner, heads),
                 forward + "0.weight": near(inner, 1.0), forward + "0.bias": near(inner, 0.0), forward + "1.weight": draw(4 * inner, inner),
                 forward + "3.weight": draw(inner, 4 * inner)}
    return made


def adapters() -> None:
    """Files as published: `ip-adapter_sd15`, `ip-adapter-plus_sd15`, `ip-adapter_sdxl`."""
    modules = {}
    for model, unet in (("sd1", tiny.unet_sd1()), ("sdxl", tiny.unet_sdxl())):
        modules[model] = {str(2 * k + 1): name for k, name in enumerate(cross_attentions(unet))}
        for kind in ("base", "plus") if model == "sd1" else ("base",):
            weights = {f"image_proj.{key}": value for key, value in image_projection(kind, unet.config.cross_attention_dim, 41).items()}
            weights |= {f"ip_adapter.{key}": value for key, value in projections(unet, 42).items()}
            save_file({key: value.contiguous() for key, value in weights.items()}, FOLDER / f"{kind}-{model}.safetensors")
    (FOLDER / "modules.json").write_text(json.dumps(modules, indent=1) + "\n")


def cases() -> list[dict[str, Any]]:
    empty = dict(model="sd1", adapter="base", scale=1.0, guidance_scale=7.5, scheduler="DDIMScheduler", steps=4, seed=7, count=1, image_size=[48, 40], clip_skip=None,
                 strength=None, init_image=None, prompt=PROMPT, negative_prompt=NEGATIVE, width=64, height=96)
    make = lambda name, **given: {"name": name, **empty, **given}
    return [
        make("off", scale=0.0), make("half", scale=0.5), make("whole"), make("alone", guidance_scale=1.0, scale=0.7), make("exact-size", image_size=[32, 32], scale=0.6),
        make("large-wide", image_size=[131, 90], scale=0.6), make("euler", scheduler="EulerDiscreteScheduler", scale=0.8, steps=6),
        make("pndm", scheduler="PNDMScheduler", scale=0.8), make("two", count=2, scale=0.6), make("wide", width=96, height=64, scale=0.4),
        make("image", strength=0.6, scale=0.6, steps=6, init_image=True), make("negative", scale=-0.5),
        make("plus", adapter="plus"), make("plus-half", adapter="plus", scale=0.5), make("plus-alone", adapter="plus", guidance_scale=1.0),
        make("sdxl", model="sdxl", scheduler=None, guidance_scale=5.0, scale=0.6), make("sdxl-alone", model="sdxl", scheduler=None, guidance_scale=1.0),
    ]


def run(case: dict[str, Any], encoder: Any, values: Arrays, pixels: Arrays) -> dict[str, Any]:
    kind = IMAGE["sd"] if case["init_image"] else PIPELINES[case["model"]]
    # Networks of its own: an adapter stays in a UNet.
    made = pipelines.components(case["model"], kind)
    made["unet"] = pipelines.models.copied(made["unet"])
    made |= {"image_encoder": encoder, "feature_extractor": processor()}
    pipe = getattr(pipelines.diffusers, kind)(scheduler=pipelines.scheduler(case["model"], case["scheduler"], {}), **made)
    pipe.set_progress_bar_config(disable=True)
    pipe.load_ip_adapter(str(FOLDER), subfolder="", weight_name=f"{case['adapter']}-{case['model']}.safetensors", image_encoder_folder=None,
                         low_cpu_mem_usage=False, local_files_only=True)
    pipe.set_ip_adapter_scale(case["scale"])
    picture = init_image(*case["image_size"])[:, ::-1].copy()
    given: dict[str, Any] = {"ip_adapter_image": PIL.Image.fromarray(picture), "prompt": case["prompt"], "negative_prompt": case["negative_prompt"],
                             "num_inference_steps": case["steps"], "guidance_scale": case["guidance_scale"], "num_images_per_prompt": case["count"]}
    told = {**case, "pipeline": kind, "image": pixels.add(picture), "init_image": None}
    if case["init_image"]:
        start = init_image(case["width"], case["height"])
        told["init_image"] = pixels.add(start)
        given |= {"image": PIL.Image.fromarray(start), "strength": case["strength"]}
    else:
        given |= {"width": case["width"], "height": case["height"]}
    seen = processor()(PIL.Image.fromarray(picture), return_tensors="pt").pixel_values
    answer = encoder(seen, output_hidden_states=True)
    embeds = answer.hidden_states[-2] if case["adapter"] == "plus" else answer.image_embeds
    tokens = pipe.unet.encoder_hid_proj([embeds.unsqueeze(1)])[0]
    final = pipe(**given, generator=torch.Generator("cpu").manual_seed(case["seed"]), output_type="latent").images
    told |= {"pixel_values": values.add(seen), "embeds": values.add(embeds), "tokens": values.add(tokens.reshape(1, -1, tokens.shape[-1])), "final": values.add(final)}
    print(f"{case['name']:12} largest {float(final.abs().max()):.2f}", flush=True)
    return told


def main() -> None:
    logging.getLogger("diffusers").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    shutil.rmtree(FOLDER, ignore_errors=True)
    Path(FOLDER).mkdir(parents=True)
    encoder = image_encoder()
    export_image_encoder(encoder)
    adapters()
    values, pixels = Arrays(np.float32), Arrays(np.uint8)
    told = [run(case, encoder, values, pixels) for case in cases()]
    plain, off = (values_of(values, case["final"]) for case in (told[0], told[2]))
    print("an adapter changes the latents by", float(np.abs(plain - off).max() / np.abs(plain).max()))
    write(FOLDER / "cases.json", None, told)
    values.save(FOLDER / "values.npy")
    pixels.save(FOLDER / "pixels.npy")
    print(len(told), "cases")


def values_of(values: Arrays, where: dict[str, Any]) -> np.ndarray:
    return np.concatenate(values.parts)[where["at"] :][: int(np.prod(where["shape"]))]


if __name__ == "__main__":
    main()
