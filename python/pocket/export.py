"""Export the trained parts to ONNX in the layout of Stable Diffusion, check them against torch, and write the fixture of the engine's parity test.

    python export.py --model DIR --out ../../assets/models/pocket --fixture ../../tests/fixtures/pocket
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import warnings
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from autoencoder import CHANNELS, FACTOR, Autoencoder
from denoiser import Denoiser, sample, scheduler
from encode import load as load_autoencoder
from train_text import text_encoder, tokens

NATIVE = (512, 288)


class TextOut(nn.Module):
    """The text encoder as a graph with two outputs."""

    def __init__(self, encoder: CLIPTextModel) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        out = self.encoder(input_ids=input_ids)
        return out.last_hidden_state, out.pooler_output


def cool(denoiser: Denoiser, amount: float) -> None:
    """Draw closer to what the prior holds likely: until the UNet is trained for long, what it cannot shape is better left out than random."""
    denoiser.prior.beyond.mul_(amount)
    denoiser.prior.log_variance.bias.data.add_(math.log(amount))


class Part(nn.Module):
    """One direction of the autoencoder as a graph."""

    def __init__(self, model: Autoencoder, direction: str) -> None:
        super().__init__()
        self.model, self.direction = model, direction

    def forward(self, x: Tensor) -> Tensor:
        return self.model.encode(x) if self.direction == "encode" else self.model.decode(x)


def halve(module: nn.Module) -> nn.Module:
    """Round large weights to what fp16 holds, as the files store them."""
    for p in module.parameters():
        if p.numel() > 256 and as_bytes(p.detach().numpy()) is None:
            p.data.copy_(p.data.half().float())
    return module.eval()


def to_bytes(module: nn.Module) -> nn.Module:
    """Round large matrices and kernels to whole numbers from -127 to 127, with a scale for each output; `store_small` finds them again."""
    for p in module.parameters():
        if p.ndim > 1 and p.numel() > 4096 and as_bytes(p.detach().numpy()) is None:
            rows = p.data.flatten(1)
            scale = (rows.abs().amax(1, keepdim=True) / 127).clamp(min=1e-12)
            p.data.copy_(((rows / scale).round() * scale).view_as(p))
    return module


def as_bytes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Whole numbers and scales whose product the values are, along whichever axis that holds; else nothing."""
    for axis in range(values.ndim):
        others = tuple(k for k in range(values.ndim) if k != axis)
        scale = np.maximum(np.abs(values).max(others, keepdims=True) / 127, 1e-12).astype(np.float32)
        whole = np.round(values / scale)
        if np.abs(whole * scale - values).max() <= 1e-5 * np.abs(values).max():
            return whole.astype(np.int8), scale
    return None


def store_small(path: Path) -> None:
    """Store large weights as bytes where they were rounded to that, else as fp16; ONNX Runtime folds the casts at load."""
    model = onnx.load(path)
    casts, kept = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and values.ndim > 1 and values.size > 4096 and (split := as_bytes(values)):
            whole, scale = (numpy_helper.from_array(part, tensor.name + end) for part, end in zip(split, ("_bytes", "_scale")))
            casts.append(helper.make_node("Cast", [whole.name], [tensor.name + "_whole"], name=tensor.name + "_cast", to=TensorProto.FLOAT))
            casts.append(helper.make_node("Mul", [tensor.name + "_whole", scale.name], [tensor.name], name=tensor.name + "_scaled"))
            kept += [whole, scale]
        elif tensor.data_type == TensorProto.FLOAT and values.size > 256:
            small = numpy_helper.from_array(values.astype(np.float16), tensor.name + "_half")
            casts.append(helper.make_node("Cast", [small.name], [tensor.name], name=tensor.name + "_cast", to=TensorProto.FLOAT))
            kept.append(small)
        else:
            kept.append(tensor)
    nodes = list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(casts + nodes)
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(model)
    onnx.save(model, path)


def export(module: nn.Module, folder: Path, inputs: tuple[Tensor, ...], names: list[str], outputs: list[str], axes: dict[str, dict[int, str]], config: dict[str, Any]) -> float:
    """Write `folder/model.onnx` and its config; returns the largest difference to torch, relative to the largest value."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, inputs, str(path), dynamo=False, opset_version=17, input_names=names, output_names=outputs, dynamic_axes=axes)
    store_small(path)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch in (1, 2):
        fed = [x[:batch] if x.ndim else x for x in inputs]
        with torch.no_grad():
            real = module(*fed)
        real = real if isinstance(real, tuple) else (real,)
        made = session.run(None, {n: x.numpy() for n, x in zip(names, fed)})
        for m, r in zip(made, real):
            worst = max(worst, float(np.abs(m - r.numpy()).max() / np.abs(r.numpy()).max()))
    return worst


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--model", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--fixture", type=Path)
    args.add_argument("--cool", type=float, default=1.0, help="below 1: less random, less varied")
    a = args.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)
    a.out.mkdir(parents=True, exist_ok=True)
    shutil.copytree(a.model / "tokenizer", a.out / "tokenizer", dirs_exist_ok=True)
    tokenizer = CLIPTokenizer.from_pretrained(str(a.out / "tokenizer"))
    encoder = text_encoder(tokenizer)
    encoder.load_state_dict(torch.load(a.model / "text.pt", weights_only=True)["encoder"])
    encoder.set_attn_implementation("eager")
    halve(encoder)
    autoencoder = halve(to_bytes(load_autoencoder(a.model)))
    state = torch.load(a.model / "denoiser.pt", weights_only=True)
    denoiser = Denoiser(state["ema"]["unet.conv_in.weight"].shape[0])
    denoiser.load_state_dict(state["ema"])
    denoiser.prior.load_state_dict(torch.load(a.model / "prior.pt", weights_only=True))
    cool(denoiser, a.cool)
    denoiser.unet.set_attn_processor(diffusers.models.attention_processor.AttnProcessor())
    halve(to_bytes(denoiser))

    text_config = json.loads(encoder.config.to_json_string()) | {"architectures": ["CLIPTextModel"]}
    unet_config = {k: v for k, v in denoiser.unet.config.items() if not k.startswith("_") and v is not None}
    unet_config = {"_class_name": "UNet2DConditionModel", "_diffusers_version": diffusers.__version__} | unet_config | {"in_channels": CHANNELS, "sample_size": [NATIVE[0] // FACTOR, NATIVE[1] // FACTOR]}
    levels = FACTOR.bit_length()
    vae_config = {
        "_class_name": "AutoencoderKL",
        "_diffusers_version": diffusers.__version__,
        "block_out_channels": [96] * levels,
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": CHANNELS,
        "sample_size": NATIVE[0],
        "scaling_factor": 1.0,
    }
    latents, picture = torch.randn(2, CHANNELS, 16, 9), torch.rand(2, 3, *NATIVE) * 2 - 1
    ids = tokens(tokenizer, ["a castle at night", ""])
    with torch.no_grad():
        hidden = encoder(input_ids=ids).last_hidden_state
        # What the denoiser meets: of pure noise every layout is as far away as every other, and the last bit decides.
        prior = denoiser.prior
        likely = prior.middle(latents) + prior.compose(prior.read(hidden)[0][:, 0], latents)
        noisy = scheduler().add_noise(likely, latents, torch.full((2,), 666))
    plane = {0: "batch_size", 2: "height", 3: "width"}
    worst = {
        "text_encoder": export(TextOut(encoder), a.out / "text_encoder", (ids,), ["input_ids"], ["last_hidden_state", "pooler_output"], {"input_ids": {0: "batch_size", 1: "sequence_length"}}, text_config),
        "unet": export(denoiser, a.out / "unet", (noisy, torch.tensor(666), hidden), ["sample", "timestep", "encoder_hidden_states"], ["out_sample"], {"sample": plane, "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"}, "out_sample": plane}, unet_config),
        "vae_decoder": export(Part(autoencoder, "decode"), a.out / "vae_decoder", (latents,), ["latent_sample"], ["sample"], {"latent_sample": plane, "sample": plane}, vae_config),
        "vae_encoder": export(Part(autoencoder, "encode"), a.out / "vae_encoder", (picture,), ["sample"], ["latent_sample"], {"sample": plane, "latent_sample": plane}, vae_config),
    }
    print("largest difference to torch, relative:", {k: f"{v:.1e}" for k, v in worst.items()}, flush=True)
    assert max(worst.values()) <= 1e-3, worst
    scheduler().save_pretrained(a.out / "scheduler")
    onnx_part = ["diffusers", "OnnxRuntimeModel"]
    index = {
        "_class_name": "OnnxStableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": onnx_part,
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": onnx_part,
        "vae_decoder": onnx_part,
        "vae_encoder": onnx_part,
    }
    (a.out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    total = sum(f.stat().st_size for f in a.out.rglob("*") if f.is_file())
    print(f"{state['seen']} samples seen; {total / 1e6:.2f} MB in all", flush=True)
    if a.fixture:
        fixture(a.out, a.fixture, tokenizer, encoder, denoiser)


def fixture(model: Path, out: Path, tokenizer: CLIPTokenizer, encoder: CLIPTextModel, denoiser: Denoiser) -> None:
    """Write a small run of torch and diffusers for the engine to repeat, after ONNX Runtime repeated it here."""
    out.mkdir(parents=True, exist_ok=True)
    prompt, negative, steps, guidance, height, width = "a castle with towers on a hill, at sunset", "text", 4, 2.0, 256, 160
    ids = tokens(tokenizer, [negative, prompt])
    noise = torch.randn(1, CHANNELS, height // FACTOR, width // FACTOR, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        hidden = encoder(input_ids=ids).last_hidden_state
        made = sample(denoiser, hidden[1:], hidden[:1], noise, steps, guidance)
    text_session, session = (ort.InferenceSession(str(model / p / "model.onnx"), providers=["CPUExecutionProvider"]) for p in ("text_encoder", "unet"))
    hidden_again = torch.from_numpy(text_session.run(None, {"input_ids": ids.numpy()})[0])

    class Session(nn.Module):
        def forward(self, sample: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
            return torch.from_numpy(session.run(None, {"sample": sample.numpy(), "timestep": timestep.numpy(), "encoder_hidden_states": text.numpy()})[0])

    again = sample(Session(), hidden_again[1:], hidden_again[:1], noise, steps, guidance)
    difference = float((again - made).abs().max() / made.abs().max())
    print(f"latents of ONNX Runtime and of torch with diffusers differ by {difference:.1e}, relative", flush=True)
    assert difference <= 1e-3
    settings = {"prompt": prompt, "negative_prompt": negative, "steps": steps, "guidance_scale": guidance, "height": height, "width": width, "scheduler": "ddim"}
    (out / "prompt.json").write_text(json.dumps(settings, indent=2) + "\n")
    (out / "token_ids.json").write_text(json.dumps({"negative_prompt": ids[0].tolist(), "prompt": ids[1].tolist()}) + "\n")
    np.save(out / "latents_in.npy", noise.numpy())
    np.save(out / "latents_out.npy", made.numpy())


if __name__ == "__main__":
    main()
