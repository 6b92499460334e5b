"""Runs inside the image: python -m unittest discover /tests

Without a GPU this proves what is said where one is missing, and that a wrong product is noticed.
"""

import json
import math
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch
from gpu_check import driver, product, report
from gpu_check.__main__ import check, framework
from gpu_check.report import Failed, Gpu, Report

LOADED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC 2025\n"


def scratch(text: str) -> Path:
    folder = Path(tempfile.mkdtemp())
    (folder / "file").write_text(text)
    return folder / "file"


def initialization_error(code: int) -> Failed:
    library = mock.Mock(**{"cuInit.return_value": code})
    with mock.patch("ctypes.CDLL", return_value=library):
        try:
            driver.version()
        except Failed as error:
            return error
    raise AssertionError("it should have failed")


class Driver(unittest.TestCase):
    def test_a_node_without_a_driver(self) -> None:
        with self.assertRaises(Failed) as found:
            driver.version("libmissing.so.1", Path("/missing"), Path("/missing"))
        self.assertEqual((found.exception.stage, found.exception.problem), ("driver", "the node has no NVIDIA driver"))

    def test_a_driver_that_does_not_reach_the_container(self) -> None:
        with self.assertRaises(Failed) as found:
            driver.version("libmissing.so.1", scratch(LOADED), Path("/missing"))
        self.assertEqual(found.exception.stage, "toolkit")
        self.assertIn("the node has driver 580.95.05", found.exception.problem)
        self.assertIn("runtimeClassName", found.exception.fix)

    def test_a_driver_that_does_not_work(self) -> None:
        self.assertEqual(initialization_error(1).problem, "CUDA can't be initialized: error 1")

    def test_each_known_error_has_a_fix_of_its_own(self) -> None:
        words = {100: "device plugin", 802: "nvidia-fabricmanager", 803: "reboot", 999: "modprobe nvidia-uvm", 1: "Xid"}
        for code, word in words.items():
            with self.subTest(code):
                self.assertIn(word, initialization_error(code).fix)

    def test_a_library_where_the_image_does_not_look_for_it(self) -> None:
        folder = Path(tempfile.mkdtemp())
        (folder / driver.LIBRARY).touch()
        with self.assertRaises(Failed) as found:
            driver.version("libmissing.so.1", scratch(LOADED), folder)
        self.assertEqual(found.exception.stage, "toolkit")
        self.assertIn(f"LD_LIBRARY_PATH={folder}", found.exception.fix)

    def test_the_version_is_that_of_the_kernel_module(self) -> None:
        library = mock.Mock(**{"cuInit.return_value": 0})
        with mock.patch("ctypes.CDLL", return_value=library):
            self.assertEqual(driver.version(loaded=scratch(LOADED)), "580.95.05")


def gpu(tflops: float) -> Gpu:
    return Gpu("NVIDIA H100", 79.2, tflops, 1e-6)


class Product(unittest.TestCase):
    def test_pytorch_is_built_for_gpus_and_says_why_it_has_none(self) -> None:
        self.assertTrue(torch.version.cuda)
        with self.assertRaises(Failed) as found:
            product.require_gpus(1)
        self.assertEqual(found.exception.stage, "framework")
        self.assertIn(f"CUDA {torch.version.cuda}", found.exception.fix)

    def test_a_framework_that_can_t_be_loaded(self) -> None:
        with mock.patch.dict(sys.modules, {"torch": None}), self.assertRaises(Failed) as found:
            framework()
        self.assertEqual(found.exception.stage, "framework")
        self.assertIn("PyTorch can't be imported: ", found.exception.problem)
        with (
            mock.patch("importlib.import_module", side_effect=OSError("libcudnn.so.9: no such file\nmore")),
            self.assertRaises(Failed) as found,
        ):
            framework()
        self.assertEqual(found.exception.problem, "PyTorch can't be imported: libcudnn.so.9: no such file")

    def test_a_right_product_is_within_the_tolerance(self) -> None:
        for dtype, tolerance in product.TOLERANCES.items():
            with self.subTest(str(dtype)):
                self.assertLess(product.relative_error(torch.device("cpu"), dtype), tolerance / 2)

    def test_a_wrong_product_of_either_type_fails(self) -> None:
        for dtype, tolerance in product.TOLERANCES.items():
            with (
                self.subTest(str(dtype)),
                mock.patch.object(product, "relative_error", return_value=2 * tolerance),
                self.assertRaises(Failed) as found,
            ):
                product.require_right(torch.device("cuda", 3), dtype, "H100")
            self.assertIn("GPU 3 (H100) is off by ", found.exception.problem)
            self.assertIn(str(dtype).removeprefix("torch."), found.exception.problem)

    def test_one_wrong_number_is_not_within_the_tolerance(self) -> None:
        exact = torch.ones(4, 4, dtype=torch.float64)
        wrong = exact.clone()
        wrong[2, 3] += 0.02
        for tolerance in product.TOLERANCES.values():
            self.assertGreater(product.difference(wrong, exact), tolerance)

    def test_what_is_no_number_is_not(self) -> None:
        exact = torch.ones(4, 4, dtype=torch.float64)
        wrong = exact.clone()
        for value in (math.inf, math.nan):
            wrong[0, 0] = value
            self.assertFalse(product.difference(wrong, exact) <= 1)

    def test_a_cuda_error_names_its_gpu(self) -> None:
        error = RuntimeError(
            "CUDA error: uncorrectable ECC error encountered\nCUDA kernel errors might be reported later"
        )
        with (
            mock.patch("torch.cuda.get_device_name", return_value="NVIDIA H100"),
            mock.patch.object(product, "relative_error", side_effect=error),
            self.assertRaises(Failed) as found,
        ):
            product.check(2)
        self.assertEqual(found.exception.stage, "product")
        self.assertEqual(
            found.exception.problem, "GPU 2 (NVIDIA H100): CUDA error: uncorrectable ECC error encountered"
        )
        self.assertIn("Xid", found.exception.fix)

    def test_a_gpu_that_the_framework_is_not_built_for(self) -> None:
        error = RuntimeError("CUDA error: no kernel image is available for execution on the device")
        with mock.patch("torch.cuda.get_device_name", side_effect=error), self.assertRaises(Failed) as found:
            product.check(0)
        self.assertIn("GPU 0 (unknown): CUDA error: no kernel image", found.exception.problem)
        self.assertIn("use an image whose framework is built for this GPU", found.exception.fix)

    def test_a_gpu_that_is_much_slower_than_the_others(self) -> None:
        product.require_equal_speed([gpu(700), gpu(500)])
        with self.assertRaises(Failed) as found:
            product.require_equal_speed([gpu(700), gpu(480), gpu(650)])
        self.assertEqual(found.exception.problem, "GPU 1 (NVIDIA H100) computes 480 TFLOP/s, the fastest 700")


class Written(unittest.TestCase):
    def test_a_report_fits_kubernetes_limit_for_16_gpus(self) -> None:
        gpus = [Gpu("NVIDIA H100 80GB HBM3 with a long name", 79.2, 701.2, 1.2345678901234e-6)] * 16
        file = scratch("")
        report.write(Report("580.95.05", "PyTorch 2.15.0+cu132", "13.2", gpus), file)
        text = file.read_text()
        self.assertLess(len(text), 4096)
        self.assertTrue(json.loads(text)["passed"])

    def test_a_failure_says_what_to_do(self) -> None:
        file = scratch("")
        report.write(Failed("driver", "none", "install it"), file)
        expected = {"passed": False, "stage": "driver", "problem": "none", "fix": "install it"}
        self.assertEqual(json.loads(file.read_text()), expected)

    def test_nothing_is_written_outside_of_kubernetes(self) -> None:
        report.write(Failed("driver", "none", "install it"), Path("/missing/file"))


class Check(unittest.TestCase):
    @unittest.skipUnless(torch.cuda.is_available(), "needs a GPU")
    def test_a_gpu_passes(self) -> None:
        found = check(torch.cuda.device_count())
        self.assertGreater(found.gpus[0].tflops, 1)


if __name__ == "__main__":
    unittest.main()
