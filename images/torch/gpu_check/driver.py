"""Driver and container toolkit, asked without a framework."""

import ctypes
import re
from pathlib import Path

from gpu_check.report import Failed

LIBRARY = "libcuda.so.1"
VERSION = Path("/proc/driver/nvidia/version")


def version(library: str = LIBRARY, loaded: Path = VERSION) -> str:
    """The driver's version, such as 580.95.05; fails if CUDA can't be initialized."""
    try:
        cuda = ctypes.CDLL(library)
    except OSError:
        raise _no_library(loaded) from None
    code = cuda.cuInit(0)
    if code:
        fix = "look for Xid errors in the node's kernel log, and install the driver again or replace the node"
        raise Failed("driver", f"CUDA can't be initialized: {_reason(cuda, code)}", fix)
    return _loaded(loaded) or "unknown"


def _no_library(loaded: Path) -> Failed:
    """A driver's kernel module can be seen in every container, its library only with the toolkit."""
    if found := _loaded(loaded):
        fix = "set the pool's runtimeClassName, or make NVIDIA's container toolkit the node's default runtime"
        return Failed("toolkit", f"the node has driver {found}, but {LIBRARY} is not in the container", fix)
    return Failed("driver", "the node has no NVIDIA driver", "install it, such as with NVIDIA's GPU operator")


def _loaded(file: Path) -> str:
    if not file.exists():
        return ""
    found = re.search(r"\s(\d+\.\d+(?:\.\d+)?)\s", file.read_text())
    return found[1] if found else ""


def _reason(cuda: ctypes.CDLL, code: int) -> str:
    text = ctypes.c_char_p()
    cuda.cuGetErrorString(code, ctypes.byref(text))
    return text.value.decode() if text.value else f"error {code}"
