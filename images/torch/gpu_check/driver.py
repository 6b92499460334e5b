"""Driver and container toolkit, asked without a framework."""

import ctypes
import re
from pathlib import Path

from gpu_check.report import Failed

LIBRARY = "libcuda.so.1"
VERSION = Path("/proc/driver/nvidia/version")
GKE = Path("/usr/local/nvidia/lib64")
"""Where GKE mounts the driver's libraries."""

FIXES = {
    100: "no device reached the container: see the device plugin's log, and update NVIDIA's container toolkit",
    802: "start nvidia-fabricmanager on the node, in the version of the driver",
    803: "the driver was upgraded and its kernel module was not reloaded: reboot the node",
    999: "often the kernel module nvidia-uvm is missing: run `modprobe nvidia-uvm` on the node; otherwise look for Xid "
    "errors in its kernel log",
}
"""By the error code of cuInit."""
FIX = "look for Xid errors in the node's kernel log, and install the driver again or replace the node"


def version(library: str = LIBRARY, loaded: Path = VERSION, gke: Path = GKE) -> str:
    """The driver's version, such as 580.95.05; fails if CUDA can't be initialized."""
    try:
        cuda = ctypes.CDLL(library)
    except OSError:
        raise _no_library(loaded, gke) from None
    code = cuda.cuInit(0)
    if code:
        raise Failed("driver", f"CUDA can't be initialized: {_reason(cuda, code)}", FIXES.get(code, FIX))
    return _loaded(loaded) or "unknown"


def _no_library(loaded: Path, gke: Path) -> Failed:
    """A driver's kernel module can be seen in every container, its library only with the toolkit."""
    if (gke / LIBRARY).exists():
        problem = f"{LIBRARY} is in {gke}, where the image does not look for libraries"
        return Failed("toolkit", problem, f"set LD_LIBRARY_PATH={gke} in the image")
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
