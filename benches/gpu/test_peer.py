"""peer.py on the processor, at a tiny size: python benches/gpu/test_peer.py"""

import json
import subprocess
import sys
import unittest
from unittest import mock

import torch
from diffusers import UNet2DConditionModel

import peer


WAYS = ("none", "model", "group", "leaf", "sequential")


def without_index(pipe, how: str, device: str) -> None:
    """diffusers numbers the device, and accelerate's hooks cannot move weights to a numbered processor."""
    switched(pipe, how, device)
    hooks = [module._hf_hook for module in pipe.unet.modules() if hasattr(module, "_hf_hook")]
    for hook in [inner for hook in hooks for inner in (hook, *getattr(hook, "hooks", ()))]:
        if getattr(hook, "execution_device", None) is not None:
            hook.execution_device = torch.device("cpu")


switched = peer.offload


class Peer(unittest.TestCase):
    def test_each_offload_is_timed_and_all_predict_the_same(self):
        with mock.patch.object(peer, "offload", without_index):
            for how in WAYS:
                found = peer.measured("tiny", 64, 96, how, "float32", 2, "cpu")
                self.assertGreater(found["seconds"], 0, how)
        predicted = {}
        for how in WAYS:
            torch.manual_seed(0)
            pipe = peer.pipeline("tiny", torch.float32)
            without_index(pipe, how, "cpu")
            with torch.no_grad():
                predicted[how] = pipe.unet(**peer.given("tiny", 64, 96, torch.float32, "cpu")).sample
        for how in WAYS:
            self.assertTrue(torch.equal(predicted[how], predicted["none"]), how)

    def test_the_offloads_are_those_of_diffusers(self):
        hooks, groups = {}, {}
        for how in WAYS:
            pipe = peer.pipeline("tiny", torch.float32)
            peer.offload(pipe, how, "cpu")
            hooks[how] = sum(hasattr(module, "_hf_hook") for module in pipe.unet.modules())
            groups[how] = sum(bool(getattr(module, "_diffusers_hook", None)) for module in pipe.unet.modules())
        self.assertEqual(hooks["none"], 0)
        self.assertEqual(hooks["model"], 1)
        self.assertGreater(hooks["sequential"], 50)
        self.assertEqual(groups["none"], 0)
        self.assertGreater(groups["group"], 3)
        self.assertGreater(groups["leaf"], 50)

    def test_the_real_sizes_are_those_of_the_models(self):
        for model, millions in (("sd15", 859.5), ("sdxl", 2567.5)):
            with torch.device("meta"):
                unet = UNet2DConditionModel(**peer.UNETS[model])
            count = sum(weight.numel() for weight in unet.parameters()) / 1e6
            self.assertAlmostEqual(count, millions, delta=0.1)

    def test_without_a_card_it_says_so_and_ends_well(self):
        if torch.cuda.is_available():
            self.skipTest("there is a card")
        line = [sys.executable, peer.__file__, "sd15", "512", "512", "model", "float32", "4", "cuda:0"]
        ended = subprocess.run(line, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("no card", json.loads(ended.stdout)["left_out"])


if __name__ == "__main__":
    unittest.main()
