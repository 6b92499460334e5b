"""What models run on: a GPU if the pod was given one, or the CPU. ONNX Runtime uses the CPU in place of a GPU that it
can't use, and says so in the log at most; here that is an error."""

import os
from base64 import b64decode
from pathlib import Path

import onnxruntime

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
GPUS = "GPUS"
"""The variable with how many GPUs the pod was given."""
_FLOAT32 = {"use_tf32": "0"}
"""Results are those of a CPU, up to rounding: without it products have ten bits of precision."""
_RECORDED = "session.record_ep_graph_assignment_info"
_SUM = b64decode(
    "CAg6RAoOCgF4CgF4EgF5IgNBZGQSBmRvdWJsZVoUCgF4Eg8KDQgBEgkKAxIBbgoCCAJiFAoBeRIPCg0IARIJCgMSAW4KAggCQgQKABAO"
)
"""The smallest model: y = x + x."""


class NoDevice(Exception):
    """The GPU that the pod was given can't be used; its text says why."""


def require_device() -> None:
    """Before there is a model: raises NoDevice."""
    if _has_gpu():
        create_session(_SUM, onnxruntime.SessionOptions())


def create_session(model: Path | bytes, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    source = model if isinstance(model, bytes) else str(model)
    if not _has_gpu():
        return onnxruntime.InferenceSession(source, options, providers=[CPU])
    onnxruntime.preload_dlls()
    options.add_session_config_entry(_RECORDED, "1")
    session = onnxruntime.InferenceSession(source, options, providers=[(CUDA, _FLOAT32), CPU])
    # Otherwise the first run that fails on the GPU moves the session to the CPU.
    session.disable_fallback()
    if CUDA not in session.get_providers():
        raise NoDevice("ONNX Runtime can't use the GPU; the log has the reason")
    if not any(part.ep_name == CUDA for part in session.get_provider_graph_assignment_info()):
        raise NoDevice("no operator of this model runs on a GPU; declare its endpoint without `gpus`")
    return session


def _has_gpu() -> bool:
    gpus = os.environ.get(GPUS, "0")
    if gpus not in ("0", "1"):
        raise NoDevice(f"{GPUS} is {gpus!r}: a model runs on one GPU; declare `gpus: 1`, and more replicas")
    if gpus == "1" and CUDA not in onnxruntime.get_available_providers():
        raise NoDevice(f"{GPUS} is 1, and this image runs on CPUs only; build it with requirements-gpu.txt")
    return gpus == "1"
