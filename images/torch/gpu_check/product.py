"""The framework, and products of matrices: right by the CPU's result, and how fast."""

import warnings
from collections.abc import Sequence

import torch

from gpu_check.report import Failed, Gpu, first_line

SIZE = 1024
TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""In float32, rounding errors of a sum of 1,024 products are about a tenth of it. GPUs add bf16 products in float32
too, and round the sum once: by at most 2**-8 (0.4 %)."""
SLOWEST = 0.7
"""Of the fastest GPU's speed: GPUs of one kind differ by some percent, a throttled one by more."""
TIMED_SIZE = 8192
REPETITIONS = 20


def require_gpus(wanted: int) -> None:
    """The framework sees as many GPUs as the container was given."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if not available:
        why = str(said[0].message).partition(". ")[0] if said else "it gives no reason"
        fix = f"install a driver for CUDA {torch.version.cuda}, or an image whose framework is built for an older one"
        raise Failed("framework", f"PyTorch {torch.__version__} can't use the GPU: {why}", fix)
    found = torch.cuda.device_count()
    if found != wanted:
        fix = "compare the device plugin's log with nvidia-smi on the node"
        raise Failed("framework", f"PyTorch sees {found} GPUs, and the container was given {wanted}", fix)


def check(number: int) -> Gpu:
    """One GPU."""
    name = "unknown"
    try:
        device = torch.device("cuda", number)
        name = torch.cuda.get_device_name(device)
        return _measured(device, name)
    except RuntimeError as error:
        why = first_line(error)
        raise Failed("product", f"GPU {number} ({name}): {why}", _fix(why)) from None


def _measured(device: torch.device, name: str) -> Gpu:
    errors = {dtype: require_right(device, dtype, name) for dtype in TOLERANCES}
    memory = torch.cuda.get_device_properties(device).total_memory / 2**30
    return Gpu(name, round(memory, 1), round(tflops(device), 1), errors[torch.float32])


def _fix(error: str) -> str:
    """Of a CUDA error, by its first line."""
    if "no kernel image" in error:
        built_for = " ".join(torch.cuda.get_arch_list())
        return f"use an image whose framework is built for this GPU; this one is for {built_for}"
    if "out of memory" in error:
        return "look in nvidia-smi on the node for processes that use the GPU, and end them"
    return "look for Xid errors in the node's kernel log, and reset the GPU or replace the node"


def require_right(device: torch.device, dtype: torch.dtype, name: str) -> float:
    """The device multiplies numbers of this type as the CPU does; returns the relative error."""
    error = relative_error(device, dtype)
    if not error <= TOLERANCES[dtype]:
        fix = "take the node out of service: its GPU computes wrong results"
        kind = str(dtype).removeprefix("torch.")
        raise Failed("product", f"GPU {device.index} ({name}) is off by {error:.1e} of the CPU's result in {kind}", fix)
    return error


def require_equal_speed(gpus: Sequence[Gpu]) -> None:
    """No GPU of the node is much slower than the others: it would hold up all GPUs of a training job."""
    speeds = [gpu.tflops for gpu in gpus]
    slowest, fastest = min(speeds), max(speeds)
    if slowest < SLOWEST * fastest:
        number = speeds.index(slowest)
        problem = f"GPU {number} ({gpus[number].name}) computes {slowest:.0f} TFLOP/s, the fastest {fastest:.0f}"
        fix = "look for throttling with `nvidia-smi -q -d PERFORMANCE` on the node: heat, power, ECC errors"
        raise Failed("product", problem, fix)


def relative_error(device: torch.device, dtype: torch.dtype) -> float:
    """Of a product of matrices, by the CPU's result in float64 from the same numbers."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(SIZE, SIZE, generator=generator).to(dtype) for _ in range(2))
    exact = left.double() @ right.double()
    return difference((left.to(device) @ right.to(device)).cpu().double(), exact)


def difference(found: torch.Tensor, exact: torch.Tensor) -> float:
    """The largest, relative to the largest exact value; NaN or infinite if one of `found` is."""
    return float((found - exact).abs().max() / exact.abs().max())


def tflops(device: torch.device) -> float:
    """10^12 operations a second of a product of bf16 matrices."""
    left, right = (torch.randn(TIMED_SIZE, TIMED_SIZE, device=device, dtype=torch.bfloat16) for _ in range(2))
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    with torch.cuda.device(device):
        left @ right  # the first one chooses an algorithm
        start.record()
        for _ in range(REPETITIONS):
            left @ right
        end.record()
        torch.cuda.synchronize()
    seconds = start.elapsed_time(end) / 1000
    return float(2 * TIMED_SIZE**3 * REPETITIONS / seconds / 1e12)
