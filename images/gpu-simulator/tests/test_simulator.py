"""Run inside the image."""

import unittest
from typing import Any

from simulator.gpus import READING, gpus, written_readings


def node(name: str, count: int, **annotations: str) -> dict[str, Any]:
    meta = {"name": name, "labels": {"nvidia.com/gpu.product": "NVIDIA-A10G"}, "annotations": annotations}
    return {"metadata": meta, "status": {"allocatable": {"nvidia.com/gpu": str(count)}}}


def pod(name: str, where: str, held: int, phase: str = "Running") -> dict[str, Any]:
    container = {"name": "training", "resources": {"limits": {"nvidia.com/gpu": str(held)}}}
    meta = {"name": name, "namespace": "vision"}
    return {"metadata": meta, "spec": {"nodeName": where, "containers": [container]}, "status": {"phase": phase}}


class Gpus(unittest.TestCase):
    def test_a_pod_has_as_many_gpus_as_it_asked_for(self) -> None:
        found = list(gpus([node("a", 4)], [pod("one", "a", 1), pod("two", "a", 2), pod("other", "b", 4)]))
        self.assertEqual([gpu.labels["pod"] for gpu in found], ["one", "two", "two", ""])
        self.assertEqual([gpu.readings["DCGM_FI_DEV_GPU_UTIL"] for gpu in found], [85, 85, 85, 0])

    def test_a_pod_that_has_ended_has_none(self) -> None:
        (gpu,) = gpus([node("a", 1)], [pod("one", "a", 1, "Succeeded")])
        self.assertEqual((gpu.labels["pod"], gpu.readings["DCGM_FI_DEV_FB_USED"]), ("", 0))

    def test_used_and_free_memory_are_all_of_it(self) -> None:
        (gpu,) = gpus([node("a", 1)], [pod("one", "a", 1)])
        self.assertEqual(gpu.readings["DCGM_FI_DEV_FB_USED"] + gpu.readings["DCGM_FI_DEV_FB_FREE"], 23028)

    def test_every_gpu_is_marked_as_simulated_and_has_an_identity_that_stays(self) -> None:
        first, second = gpus([node("a", 2)], [])
        self.assertEqual({first.labels["simulated"], second.labels["simulated"]}, {"true"})
        self.assertNotEqual(first.labels["UUID"], second.labels["UUID"])
        self.assertEqual(next(gpus([node("a", 2)], [])).labels["UUID"], first.labels["UUID"])

    def test_an_annotation_changes_one_gpu(self) -> None:
        first, second = gpus([node("a", 2, **{READING.format(1): "DCGM_FI_DEV_XID_ERRORS=79"})], [])
        self.assertEqual(first.readings["DCGM_FI_DEV_XID_ERRORS"], 0)
        self.assertEqual(second.readings["DCGM_FI_DEV_XID_ERRORS"], 79)

    def test_an_xid_is_counted_under_its_number(self) -> None:
        first, second = gpus([node("a", 2, **{READING.format(1): "DCGM_FI_DEV_XID_ERRORS=79"})], [])
        self.assertEqual((first.xids, second.xids), (("", 0), ("79", 1)))

    def test_what_is_no_reading_is_left_out(self) -> None:
        text = "DCGM_FI_DEV_GPU_TEMP = 90,nonsense,OTHER=1,DCGM_FI_DEV_XID_ERRORS=,"
        self.assertEqual(dict(written_readings(text)), {})
        self.assertEqual(dict(written_readings("DCGM_FI_DEV_GPU_TEMP=90, OTHER=1")), {"DCGM_FI_DEV_GPU_TEMP": 90})


if __name__ == "__main__":
    unittest.main()
