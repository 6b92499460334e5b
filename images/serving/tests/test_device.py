"""Runs inside the image, on a machine without a GPU."""

import os
import subprocess
import sys
import unittest
from unittest.mock import patch

import onnxruntime
from example_models import DOUBLING, load
from serving.device import CUDA, GPUS, NoDevice, require_device

TAKES_NOTHING = "AzureExecutionProvider"
"""Of ONNX Runtime for CPUs: it stands for a GPU without kernels for a model."""
FOR_GPUS = CUDA in onnxruntime.get_available_providers()
"""Whether the image was built with requirements-gpu.txt."""


class Device(unittest.TestCase):
    def test_a_pod_without_gpus_uses_the_cpu_in_either_image(self) -> None:
        with patch.dict("os.environ"):
            os.environ.pop(GPUS, None)
            require_device()
            load(DOUBLING)

    def test_a_gpu_that_can_t_be_used_is_an_error(self) -> None:
        why = "can't use the GPU" if FOR_GPUS else "this image runs on CPUs only"
        for uses_it in (require_device, lambda: load(DOUBLING)):
            with patch.dict("os.environ", {GPUS: "1"}), self.assertRaisesRegex(NoDevice, why):
                uses_it()

    @unittest.skipIf(FOR_GPUS, "only ONNX Runtime for CPUs has such a provider")
    def test_a_model_without_an_operator_for_the_gpu_is_an_error(self) -> None:
        gpu = patch("serving.device.CUDA", TAKES_NOTHING)
        with gpu, patch.dict("os.environ", {GPUS: "1"}), self.assertRaisesRegex(NoDevice, "no operator of this model"):
            load(DOUBLING)

    def test_a_server_with_several_gpus_ends_with_what_to_declare(self) -> None:
        names = ("MODEL_NAME", "MODEL_URI", "MLFLOW_TRACKING_URI")
        environment = {**os.environ, **dict.fromkeys(names, "http://127.0.0.1:9"), GPUS: "2"}
        ended = subprocess.run(
            [sys.executable, "-m", "serving"], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(
            ended.stderr.splitlines()[-1],
            "serving: GPUS is '2': a model runs on one GPU; declare `gpus: 1`, and more replicas",
        )


if __name__ == "__main__":
    unittest.main()
