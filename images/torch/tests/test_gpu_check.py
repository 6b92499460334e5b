"""Runs inside the image: python -m unittest discover /tests

Without a GPU this proves what is said where one is missing, and that a wrong product is noticed.
"""

import json
import math
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch
from gpu_check import driver, product, report
from gpu_check.__main__ import check
from gpu_check.report import Failed, Gpu, Report

LOADED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC 2025\n"


def scratch(text: str) -> Path:
    folder = Path(tempfile.mkdtemp())
    (folder / "file").write_text(text)
    return folder / "file"


class Driver(unittest.TestCase):
    def test_a_node_without_a_driver(self) -> None:
        with self.assertRaises(Failed) as found:
            driver.version("libmissing.so.1", Path("/missing"))
        self.assertEqual((found.exception.stage, found.exception.problem), ("driver", "the node has no NVIDIA driver"))

    def test_a_driver_that_does_not_reach_the_container(self) -> None:
        with self.assertRaises(Failed) as found:
            driver.version("libmissing.so.1", scratch(LOADED))
        self.assertEqual(found.exception.stage, "toolkit")
        self.assertIn("the node has driver 580.95.05", found.exception.problem)
        self.assertIn("runtimeClassName", found.exception.fix)

    def test_a_driver_that_does_not_work(self) -> None:
        library = mock.Mock(**{"cuInit.return_value": 999})
        with mock.patch("ctypes.CDLL", return_value=library), self.assertRaises(Failed) as found:
            driver.version()
        self.assertEqual(found.exception.problem, "CUDA can't be initialized: error 999")

    def test_the_version_is_that_of_the_kernel_module(self) -> None:
        library = mock.Mock(**{"cuInit.return_value": 0})
        with mock.patch("ctypes.CDLL", return_value=library):
            self.assertEqual(driver.version(loaded=scratch(LOADED)), "580.95.05")


class Product(unittest.TestCase):
    def test_pytorch_is_built_for_gpus_and_says_why_it_has_none(self) -> None:
        self.assertTrue(torch.version.cuda)
        with self.assertRaises(Failed) as found:
            product.require_gpus(1)
        self.assertEqual(found.exception.stage, "framework")
        self.assertIn(f"CUDA {torch.version.cuda}", found.exception.fix)

    def test_a_right_product_is_within_the_tolerance(self) -> None:
        self.assertLess(product.relative_error(torch.device("cpu")), product.TOLERANCE / 3)

    def test_one_wrong_number_is_not(self) -> None:
        exact = torch.ones(4, 4, dtype=torch.float64)
        wrong = exact.clone()
        wrong[2, 3] += 1e-3
        self.assertGreater(product.difference(wrong, exact), product.TOLERANCE)

    def test_what_is_no_number_is_not(self) -> None:
        exact = torch.ones(4, 4, dtype=torch.float64)
        wrong = exact.clone()
        wrong[0, 0] = math.inf
        self.assertFalse(product.difference(wrong, exact) <= product.TOLERANCE)
        wrong[0, 0] = math.nan
        self.assertFalse(product.difference(wrong, exact) <= product.TOLERANCE)


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
