"""What models run on: a GPU if the pod was given one, or the CPU. ONNX Runtime would use the CPU in place of a GPU that
it can't use, and say so in the log at most."""

import os

import onnxruntime

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
GPUS = "GPUS"


class NoDevice(Exception):
    """The GPUs that the pod was given can't be used; its text says why."""


def execution_providers() -> list[str]:
    """In the order in which ONNX Runtime prefers them."""
    gpus = os.environ.get(GPUS, "0")
    if gpus == "0":
        return [CPU]
    if gpus != "1":
        raise NoDevice(f"{GPUS} is {gpus!r}: a model runs on one GPU; declare `gpus: 1`, and more replicas")
    if CUDA not in onnxruntime.get_available_providers():
        raise NoDevice(f"{GPUS} is 1, and this image runs on CPUs only; build it with requirements-gpu.txt")
    onnxruntime.preload_dlls()
    return [CUDA, CPU]


def require(provider: str, session: onnxruntime.InferenceSession) -> None:
    if session.get_providers()[0] != provider:
        raise NoDevice("ONNX Runtime can't use the GPU; its log has the reason")
