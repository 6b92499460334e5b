"""The framework, and products of matrices: right by the CPU's result, and how fast."""

import warnings

import torch

from gpu_check.report import Failed, Gpu

SIZE = 1024
TOLERANCE = 1e-5
"""Of float32: rounding errors of a sum of 1,024 products are about a tenth of it."""
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
    device = torch.device("cuda", number)
    name = torch.cuda.get_device_name(device)
    error = relative_error(device)
    if not error <= TOLERANCE:
        fix = "take the node out of service: its GPU computes wrong results"
        raise Failed("product", f"GPU {number} ({name}) is off by {error:.1e} of the CPU's result", fix)
    memory = torch.cuda.get_device_properties(device).total_memory / 2**30
    return Gpu(name, round(memory, 1), round(tflops(device), 1), error)


def relative_error(device: torch.device) -> float:
    """Of a product of float32 matrices, by the CPU's result in float64."""
    torch.backends.cuda.matmul.allow_tf32 = False
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(SIZE, SIZE, generator=generator) for _ in range(2))
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
