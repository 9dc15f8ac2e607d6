"""Tiny checkpoints of every family, exported and looked at.

    OMP_NUM_THREADS=1 python python/export/test_export.py [Families.test_sd1 ...]
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path[:0] = [str(Path(__file__).resolve().parent)]
sys.path.append(str(Path(__file__).resolve().parents[1] / "reference"))

import export as exporter
import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import save_file

import adapter as adapter_exporter
import ip_adapter as reference
import ldm_keys
import pipelines
import small_files
import tiny
from arrays import FIXTURES
from models import TABLE

WORK = Path(tempfile.mkdtemp(prefix="export-", dir=os.environ.get("EXPORT_TEST_FOLDER")))


def checkpoint(name: str, pipeline: str | None = None) -> Path:
    """The tiny model of the reference suite as diffusers saves it; made once."""
    folder = WORK / "checkpoints" / name
    if not folder.exists():
        kind = pipeline or TABLE[name][2].removeprefix("Onnx")
        pipelines.pipe(name, kind, None, {}).save_pretrained(folder)
    return folder


def run(source: Path, *options: str, out: str | None = None) -> tuple[int, str, Path]:
    target = WORK / (out or f"out-{len(list(WORK.glob('out-*')))}")
    told = io.StringIO()
    with redirect_stdout(told), redirect_stderr(told):
        code = exporter.main([str(source), str(target), *options])
    return code, told.getvalue(), target


def ports(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    return {port.name: port for port in session.get_inputs()}, {port.name: port for port in session.get_outputs()}


class Case(unittest.TestCase):
    def made(self, source: Path, *options: str) -> tuple[Path, dict[str, Any], str]:
        code, told, out = run(source, *options)
        self.assertEqual(code, 0, told)
        self.assertIn("done:", told)
        record = json.loads((out / "export.json").read_text())
        for part, made in record["parts"].items():
            self.assertLessEqual(max(made["errors"]), made["tolerance"], part)
            self.assertTrue((out / part / "config.json").is_file())
        self.assertEqual([path.name for path in out.parent.glob(f".{out.name}*")], [], "something half done lies about")
        return out, record, told

    def refused(self, source: Path, *options: str, out: str | None = None) -> str:
        code, told, target = run(source, *options, out=out)
        self.assertEqual(code, 1, told)
        self.assertTrue(told.splitlines()[-1].startswith("error: "), told)
        self.assertEqual(list(WORK.glob(f".{target.name}*")), [])
        return told


class Families(Case):
    def check(self, name: str, denoiser: str, inputs: set[str], *options: str) -> tuple[Path, dict[str, Any]]:
        out, record, _ = self.made(checkpoint(name), *options)
        taken, given = ports(out / denoiser)
        self.assertEqual(set(taken), inputs)
        self.assertEqual(set(given), {"out_sample" if denoiser == "unet" else "out_hidden_states"})
        self.assertEqual(taken["timestep"].type, "tensor(float)")
        self.assertEqual(len(taken["timestep"].shape), 0 if denoiser == "unet" else 1)
        self.assertEqual(len(record["parts"]["unet" if denoiser == "unet" else "transformer"]["errors"]), 2)
        self.assertLessEqual(record["drawn"]["latents"], record["drawn"]["tolerance"])
        index = json.loads((out / "model_index.json").read_text())
        self.assertEqual(index[denoiser][0], "optimum")
        for folder in out.glob("tokenizer*"):
            needed = {"tokenizer.json"} if "T5" in index[folder.name][1] else {"vocab.json", "merges.txt"}
            self.assertLessEqual(needed, {file.name for file in folder.iterdir()})
        return out, record

    UNET = {"sample", "timestep", "encoder_hidden_states"}
    XL = UNET | {"text_embeds", "time_ids"}
    SD3 = {"hidden_states", "encoder_hidden_states", "pooled_projections", "timestep"}
    FLUX = SD3 | {"img_ids", "txt_ids"}

    def test_sd1(self) -> None:
        out, _ = self.check("sd1", "unet", self.UNET)
        _, given = ports(out / "text_encoder")
        self.assertEqual(list(given), ["last_hidden_state", "pooler_output", *(f"hidden_states.{k}" for k in range(4))])
        names = {node.name for node in onnx.load(out / "unet/model.onnx").graph.node}
        self.assertTrue(any(name.startswith("/down_blocks.0/") for name in names))
        self.assertFalse(any("/module/" in name for name in names))

    def test_sd2(self) -> None:
        self.check("sd2", "unet", self.UNET)

    def test_lcm(self) -> None:
        self.check("lcm", "unet", self.UNET | {"timestep_cond"})

    def test_sdxl(self) -> None:
        out, _ = self.check("sdxl", "unet", self.XL)
        _, given = ports(out / "text_encoder_2")
        self.assertEqual(list(given)[:2], ["text_embeds", "last_hidden_state"])

    def test_refiner(self) -> None:
        out, _ = self.check("refiner", "unet", self.XL)
        index = json.loads((out / "model_index.json").read_text())
        self.assertTrue(index["requires_aesthetics_score"])
        self.assertFalse((out / "text_encoder").exists())

    def test_sd3(self) -> None:
        self.check("sd3", "transformer", self.SD3)

    def test_sd3_without_t5(self) -> None:
        out, _ = self.check("sd3-no-t5", "transformer", self.SD3)
        self.assertFalse((out / "text_encoder_3").exists())

    def test_sd35(self) -> None:
        self.check("sd35", "transformer", self.SD3)

    def test_flux_schnell(self) -> None:
        self.check("flux-schnell", "transformer", self.FLUX)

    def test_flux_dev(self) -> None:
        self.check("flux-dev", "transformer", self.FLUX | {"guidance"})


class Options(Case):
    def test_tiny_autoencoder(self) -> None:
        vae = WORK / "taesd"
        tiny.tiny_vae().save_pretrained(vae)
        out, _, _ = self.made(checkpoint("sd1"), "--vae", str(vae))
        self.assertEqual(json.loads((out / "vae_decoder/config.json").read_text())["_class_name"], "AutoencoderTiny")
        self.assertEqual(list(ports(out / "vae_encoder")[1]), ["latent_sample"])

    def test_halves(self) -> None:
        for name in ("sd1", "sdxl", "sd35", "flux-dev"):
            with self.subTest(name):
                out, record, _ = self.made(checkpoint(name), "--dtype", "float16")
                denoiser = out / ("unet" if (out / "unet").exists() else "transformer")
                kinds = [tensor.data_type for tensor in onnx.load(denoiser / "model.onnx").graph.initializer
                         if sum(side > 1 for side in tensor.dims) >= 2]  # scales of normalisations are written with one
                self.assertGreater(kinds.count(onnx.TensorProto.FLOAT16), 0.8 * len(kinds))
                self.assertEqual({port.type for ports_ in ports(denoiser) for port in ports_.values()}, {"tensor(float)"})
                self.assertEqual(record["parts"]["vae_decoder"]["dtype"], "float32" if name == "sdxl" else "float16")

    def test_what_overflows_stays_in_32_bits(self) -> None:
        source = WORK / "checkpoints/overflowing"
        pipe = pipelines.pipe("sd1", "StableDiffusionPipeline", None, {})
        pipe.vae = pipelines.models.copied(pipe.vae)
        with torch.no_grad():
            pipe.vae.decoder.conv_in.weight *= 1e7
        pipe.save_pretrained(source)
        _, record, told = self.made(source, "--dtype", "float16", "--exporter", "legacy")
        self.assertEqual(record["parts"]["vae_decoder"]["dtype"], "float32")
        self.assertEqual(record["parts"]["unet"]["dtype"], "float16")
        self.assertIn("vae_decoder: legacy float16: off by", told)

    def test_bfloat16_storage(self) -> None:
        out, record, _ = self.made(checkpoint("sd1"), "--dtype", "bfloat16")
        kinds = [tensor.data_type for tensor in onnx.load(out / "unet/model.onnx").graph.initializer if len(tensor.dims) == 4]
        self.assertGreater(kinds.count(onnx.TensorProto.BFLOAT16), 0.5 * len(kinds))
        self.assertLessEqual(record["drawn"]["latents"], 1e-3)

    def test_one_size(self) -> None:
        out, _, _ = self.made(checkpoint("sd1"), "--size", "64x96")
        self.assertEqual(ports(out / "unet")[0]["sample"].shape, [1, 4, 12, 8])
        self.assertEqual(ports(out / "vae_decoder")[1]["sample"].shape, [1, 3, 96, 64])
        self.assertIn("divide by 16", self.refused(checkpoint("sd1"), "--size", "72x96"))

    def test_one_size_of_flux(self) -> None:
        out, _, _ = self.made(checkpoint("flux-dev"), "--size", "64x96")
        self.assertEqual(ports(out / "transformer")[0]["hidden_states"].shape, [1, 24, 64])

    def test_weights_beside_the_file(self) -> None:
        out, _, _ = self.made(checkpoint("sd1"), "--external-data", "always", "--parts", "unet,vae_decoder")
        places = {entry.value for tensor in onnx.load(out / "unet/model.onnx", load_external_data=False).graph.initializer
                  for entry in tensor.external_data if entry.key == "location"}
        self.assertEqual(places, {"model.onnx_data"})
        self.assertFalse((out / "text_encoder").exists())

    def test_dynamo(self) -> None:
        _, record, _ = self.made(checkpoint("sd1"), "--exporter", "dynamo")
        self.assertEqual({part["exporter"] for part in record["parts"].values()}, {"dynamo"})

    def test_weights_in_halves(self) -> None:
        source = WORK / "checkpoints/variant"
        pipelines.pipe("sd1", "StableDiffusionPipeline", None, {}).save_pretrained(source, variant="fp16")
        self.made(source, "--parts", "text_encoder,vae_decoder")

    def test_single_file(self) -> None:
        file, config = WORK / "single.safetensors", checkpoint("sd1")
        ldm_keys.save(tiny.unet_sd1(), tiny.vae("sd"), tiny.text_encoder(16, 3, 1), file)
        self.assertIn("--config", self.refused(file))
        single, (folder, _, _) = WORK / "single", self.made(config)
        # By itself: the suite gives `CLIPTextModel` back a level that diffusers' converter would look for.
        command = [sys.executable, str(Path(exporter.__file__)), str(file), str(single), "--config", str(config)]
        told = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(told.returncode, 0, told.stdout + told.stderr)
        for part in ("text_encoder", "unet", "vae_decoder"):
            self.assertEqual((single / part / "model.onnx").read_bytes(), (folder / part / "model.onnx").read_bytes(), part)

    def test_sentence_pieces(self) -> None:
        from transformers import T5Tokenizer

        folder = WORK / "pieces"
        shutil.copytree(FIXTURES / "tokens/t5/tokenizer", folder)
        expected = T5Tokenizer.from_pretrained(folder)("A lighthouse, at night!").input_ids
        (folder / "tokenizer.json").unlink()
        small_files._sentence_pieces(folder)
        (folder / "spiece.model").unlink()
        self.assertEqual(T5Tokenizer.from_pretrained(folder)("A lighthouse, at night!").input_ids, expected)


class Refusals(Case):
    def broken(self, name: str) -> Path:
        return Path(shutil.copytree(checkpoint("sd1"), WORK / "broken" / name))

    def test_no_checkpoint(self) -> None:
        self.assertIn("no such folder", self.refused(WORK / "nowhere"))
        (WORK / "empty").mkdir()
        self.assertIn("model_index.json is missing", self.refused(WORK / "empty"))

    def test_other_pipelines(self) -> None:
        folder = self.broken("pipeline")
        index = json.loads((folder / "model_index.json").read_text())
        (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": "KandinskyPipeline"}))
        self.assertIn("KandinskyPipeline is unknown", self.refused(folder))
        (folder / "model_index.json").write_text(json.dumps(index | {"unet": ["optimum", "ORTUnet"]}))
        self.assertIn("already", self.refused(folder))
        (folder / "model_index.json").write_text("{")
        self.assertIn("no JSON", self.refused(folder))

    def test_missing_and_broken_weights(self) -> None:
        folder = self.broken("weights")
        file = folder / "unet/diffusion_pytorch_model.safetensors"
        file.write_bytes(file.read_bytes()[:5000])
        self.assertIn("cannot be read", self.refused(folder, "--parts", "unet"))
        file.unlink()
        self.assertIn("no weights there", self.refused(folder, "--parts", "unet"))
        (folder / "unet/config.json").unlink()
        self.assertIn("config.json is missing", self.refused(folder))

    def test_weights_that_are_no_numbers(self) -> None:
        folder = self.broken("nan")
        vae = pipelines.models.copied(tiny.vae("sd"))
        with torch.no_grad():
            vae.decoder.conv_in.weight[0] = np.nan
        vae.save_pretrained(folder / "vae")
        self.assertIn("off by inf", self.refused(folder, "--parts", "vae_decoder", "--exporter", "legacy"))

    def test_inpainting(self) -> None:
        folder = self.broken("inpainting")
        tiny._unet(1, 16, in_channels=9).save_pretrained(folder / "unet")
        self.assertIn("9 channels", self.refused(folder, "--parts", "unet"))

    def test_disk(self) -> None:
        with mock.patch("shutil.disk_usage", return_value=mock.Mock(free=1000)):
            self.assertIn("not enough disk", self.refused(checkpoint("sd1")))

    def test_nothing_is_overwritten(self) -> None:
        _, _, out = run(checkpoint("sd1"), "--parts", "vae_decoder", out="kept")
        (out / "mine").write_text("x")
        self.assertIn("--force", self.refused(checkpoint("sd1"), "--parts", "vae_decoder", out="kept"))
        self.assertTrue((out / "mine").exists())
        self.refused(WORK / "nowhere", "--force", out="kept")
        self.assertTrue((out / "mine").exists(), "a failed export took the old one away")
        code, told, _ = run(checkpoint("sd1"), "--parts", "vae_decoder", "--force", out="kept")
        self.assertEqual(code, 0, told)
        self.assertFalse((out / "mine").exists())


class Adapters(unittest.TestCase):
    """IP-Adapters with the reference suite's random image encoder."""

    def export(self, adapter: Path, *options: str) -> tuple[int, str, Path]:
        encoder, out, told = WORK / "encoder", WORK / f"adapter-{len(list(WORK.glob('adapter-*')))}", io.StringIO()
        if not encoder.exists():
            reference.image_encoder().save_pretrained(encoder / "image_encoder")
            reference.processor().save_pretrained(encoder / "feature_extractor")
        with redirect_stdout(told), redirect_stderr(told):
            code = adapter_exporter.main([str(adapter), str(encoder / "image_encoder"), str(out), *options])
        return code, told.getvalue(), out

    def test_each_kind_and_width(self) -> None:
        for kind, dtype in (("base", "float32"), ("plus", "float16"), ("plus", "bfloat16")):
            code, told, out = self.export(FIXTURES / f"ip_adapter/{kind}-sd1.safetensors", "--dtype", dtype)
            self.assertEqual(code, 0, told)
            taken, answered = ports(out / "image_encoder")
            self.assertEqual([(name, port.type) for name, port in taken.items()], [("pixel_values", "tensor(float)")])
            self.assertLessEqual({"image_embeds", "hidden_states.0", "hidden_states.3"}, set(answered))
            self.assertTrue((out / "feature_extractor/preprocessor_config.json").is_file())
            self.assertTrue((out / f"{kind}-sd1.safetensors").is_file())

    def test_refusals(self) -> None:
        def refused(name: str, tensors: dict[str, torch.Tensor]) -> str:
            save_file(tensors, WORK / name)
            code, told, out = self.export(WORK / name)
            self.assertEqual((code, out.exists()), (1, False), told)
            return told

        keys = {"ip_adapter.1.to_k_ip.weight": torch.zeros(4, 8)}
        self.assertIn("can run code", refused("pickled.bin", keys))
        self.assertIn("99 wide", refused("wide.safetensors", keys | {"image_proj.proj.weight": torch.zeros(32, 99)}))
        self.assertIn("faces alone", refused("face.safetensors", keys | {"image_proj.proj.0.weight": torch.zeros(32, 24)}))
        self.assertIn("no IP-Adapter", refused("other.safetensors", {"image_proj.proj.weight": torch.zeros(32, 24)}))


@unittest.skipUnless(os.environ.get("SHORTFORM"), "SHORTFORM names no built program")
class Program(Case):
    def test_it_draws_from_every_family(self) -> None:
        for name, dtype in (("sd1", "float32"), ("sdxl", "float16"), ("sd3", "bfloat16"), ("flux-schnell", "float32"), ("lcm", "float32")):
            code, told, out = run(checkpoint(name), "--dtype", dtype)
            self.assertEqual(code, 0, told)
            picture = out.with_suffix(".png")
            drawn = subprocess.run([os.environ["SHORTFORM"], "image", "--model", str(out), "--prompt", "a (red:1.2) bicycle", "--size", "64x96",
                                    "--inference-steps", "2", "--guidance-scale", "3", "-o", str(picture)], capture_output=True, text=True, check=False)
            self.assertEqual(drawn.returncode, 0, f"{name}: {drawn.stderr}")
            self.assertTrue(picture.is_file())


if __name__ == "__main__":
    try:
        unittest.main()
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
