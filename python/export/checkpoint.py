"""A checkpoint of diffusers: what it is made of, and each of its networks, loaded when asked for."""

import gc
import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from contracts import networks
from contracts.networks import Contract, Sizes

from errors import Refused

KINDS = {
    "StableDiffusionPipeline": "sd", "StableDiffusionImg2ImgPipeline": "sd",
    "LatentConsistencyModelPipeline": "sd", "LatentConsistencyModelImg2ImgPipeline": "sd",
    "StableDiffusionXLPipeline": "sdxl", "StableDiffusionXLImg2ImgPipeline": "sdxl",
    "StableDiffusion3Pipeline": "sd3", "StableDiffusion3Img2ImgPipeline": "sd3",
    "FluxPipeline": "flux", "FluxImg2ImgPipeline": "flux",
}
TEXT = ("text_encoder", "text_encoder_2", "text_encoder_3")
PARTS = (*TEXT, "unet", "transformer", "vae_encoder", "vae_decoder")
WEIGHTS = (".safetensors", ".bin")


@dataclass(frozen=True)
class Checkpoint:
    """A folder with `model_index.json`; the VAE may lie elsewhere."""

    folder: Path
    index: dict[str, Any]
    kind: str
    vae: Path

    @property
    def parts(self) -> list[str]:
        """What it can be exported as, in the order it is."""
        listed = [name for name in (*TEXT, "unet", "transformer") if (self.index.get(name) or [None])[0]]
        return [*listed, "vae_encoder", "vae_decoder"]

    def where(self, part: str) -> Path:
        return self.vae if part.startswith("vae") else self.folder / part

    def network(self, part: str) -> type[Any]:
        """The class of a part."""
        if part.startswith("vae"):
            name = config_of(self.vae).get("_class_name", "AutoencoderKL")
            if name not in ("AutoencoderKL", "AutoencoderTiny"):
                raise Refused(f"{self.vae}: the VAE is {name}; AutoencoderKL and AutoencoderTiny can be exported")
            return getattr(importlib.import_module("diffusers"), name)
        library, name = self.index[part]
        found = getattr(importlib.import_module(library), name, None) if library in ("diffusers", "transformers") else None
        if found is None:
            raise Refused(f"{self.folder / 'model_index.json'}: {part} is {library}.{name}, which only classes of diffusers and transformers may be")
        return found

    def load(self, part: str, dtype: torch.dtype) -> Any:
        """The network in float32, its weights rounded to what `dtype` can hold."""
        where, given = self.where(part), {"local_files_only": True, "torch_dtype": torch.float32}
        files = sorted(file.name for file in where.glob("*") if file.suffix in WEIGHTS)
        if not files:
            raise Refused(f"{where}: no weights there (.safetensors or .bin); get the whole checkpoint again")
        if all(".fp16." in name for name in files):
            given["variant"] = "fp16"
        try:
            module = self.network(part).from_pretrained(where, **given)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise Refused(f"{where}: the weights cannot be read: {error}") from error
        module = module.eval().requires_grad_(False)
        if dtype != torch.float32:
            for parameter in module.parameters():
                if dtype == torch.float16 or parameter.dim() >= 2:
                    parameter.data = parameter.data.to(dtype).float()
        return module

    def hollow(self, part: str) -> Any:
        """The network without its weights, for whoever reads its configuration."""
        kind, where = self.network(part), self.where(part)
        with torch.device("meta"):
            if hasattr(kind, "load_config"):
                return kind.from_config(kind.load_config(where, local_files_only=True)).eval()
            return kind(kind.config_class.from_pretrained(where, local_files_only=True)).eval()

    def contract(self, part: str, module: Any) -> Contract:
        if part in TEXT:
            t5 = "T5" in type(module).__name__
            return networks.t5_text(module) if t5 else networks.clip_text(module, "Projection" in type(module).__name__)
        if part == "unet":
            if module.config.in_channels != 4:
                raise Refused(f"{self.folder / 'unet'}: it takes {module.config.in_channels} channels; inpainting and editing models cannot be exported")
            return networks.unet(module, config_of(self.folder / "text_encoder_2").get("projection_dim", 1280) if self.kind == "sdxl" else 0)
        if part == "transformer":
            if self.kind == "flux" and module.config.in_channels != 64:
                raise Refused(f"{self.folder / 'transformer'}: it takes {module.config.in_channels} channels; FLUX's fill and control models cannot be exported")
            return (networks.sd3 if self.kind == "sd3" else networks.flux)(module)
        return (networks.vae_encoder if part == "vae_encoder" else networks.vae_decoder)(module)

    @property
    def overflows_in_halves(self) -> bool:
        """SDXL's VAE as published; the ones of SD 1 and 2 do not, though diffusers assumes it of every VAE that does not say."""
        config = config_of(self.vae)
        return self.kind == "sdxl" and config.get("_class_name") == "AutoencoderKL" and config.get("force_upcast", True)

    @property
    def factor(self) -> int:
        """Pixels to a latent, each way."""
        return networks.factor(self.hollow("vae_decoder"))

    @property
    def multiple(self) -> int:
        """What the sides of latents must divide by."""
        if self.kind in ("sd", "sdxl"):
            return 2 ** (len(config_of(self.folder / "unet")["block_out_channels"]) - 1)
        return config_of(self.folder / "transformer").get("patch_size", 2) if self.kind == "sd3" else 2

    def words(self, part: str) -> int:
        """How many the part is asked for at once."""
        if self.kind in ("sd", "sdxl"):
            return 77
        long = 512 if self.kind == "flux" else 256
        return long if part in TEXT or self.kind == "flux" else 77 + long

    def sizes(self, part: str, size: tuple[int, int] | None) -> list[Sizes]:
        """What the part is traced with, and what it is tried with besides; one row where there is a fixed size, width and height in pixels."""
        packed = 2 if part == "transformer" and self.kind == "flux" else 1
        if size:
            wide, high = (side // self.factor // packed for side in size)
            return [Sizes(1, high, wide, self.words(part))]
        m, words = max(self.multiple // packed, 1), self.words(part)
        if part.startswith("vae"):
            return [Sizes(2, 12, 8), Sizes(1, 9, 7)]
        return [Sizes(2, 3 * m, 2 * m, words), Sizes(1, 5 * m, 4 * m, 64 if part in TEXT else 2 * words)]


def config_of(folder: Path) -> dict[str, Any]:
    return read_json(folder / "config.json")


def read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        raise Refused(f"{path}: is missing; get the whole checkpoint again") from None
    except ValueError as error:
        raise Refused(f"{path}: is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Refused(f"{path}: holds no object")
    return found


def open_folder(folder: Path, vae: Path | None) -> Checkpoint:
    path = folder / "model_index.json"
    if not path.is_file():
        raise Refused(f"{folder}: no checkpoint there: model_index.json is missing; name a folder that diffusers saved, or one .safetensors file")
    index = read_json(path)
    name = index.get("_class_name")
    if any((value or [None])[0] == "optimum" or "Onnx" in str(value) for value in index.values() if isinstance(value, list)):
        raise Refused(f"{folder}: is an ONNX export already; shortform models add {folder}")
    if name not in KINDS:
        raise Refused(f"{path}: pipeline {name} is unknown; those that can be exported: {', '.join(KINDS)}")
    found = Checkpoint(folder, index, KINDS[name], vae or folder / "vae")
    for part in found.parts:
        if not (found.where(part) / "config.json").is_file():
            raise Refused(f"{found.where(part)}: config.json is missing; get the whole checkpoint again")
        found.network(part)
    read_json(folder / "scheduler/scheduler_config.json")
    return found


def unpack(file: Path, config: Path | None, target: Path) -> Path:
    """A single file as a folder; diffusers finds out whose it is, `config` is a folder with that model's configurations."""
    import diffusers

    if config is None:
        raise Refused(f"{file}: a single file lacks configurations and vocabularies; name a diffusers folder that has this family's with --config "
                      "(the weights may be missing there)")
    name = read_json(config / "model_index.json").get("_class_name")
    if name not in KINDS:
        raise Refused(f"{config}: pipeline {name} is unknown; those that can be exported: {', '.join(KINDS)}")
    more = {"safety_checker": None} if KINDS[name] == "sd" else {}
    try:
        pipe = getattr(diffusers, name).from_single_file(str(file), config=str(config), local_files_only=True, torch_dtype=torch.float32, **more)
    except Exception as error:  # diffusers raises whatever its converter stumbled over
        raise Refused(f"{file}: diffusers cannot read it as {name}: {type(error).__name__}: {error}") from error
    for part, module in pipe.components.items():
        if isinstance(module, torch.nn.Module) and any(parameter.is_meta for parameter in module.parameters()):
            raise Refused(f"{file}: {part} is not in it, or under names diffusers does not know")
    pipe.save_pretrained(target)
    del pipe
    gc.collect()
    return target
