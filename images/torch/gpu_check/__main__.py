"""python -m gpu_check GPUS: checks the container's GPUs; the exit code is 1 if one fails."""

import importlib
import sys
from types import ModuleType

from gpu_check import driver, report
from gpu_check.report import Failed, Report, first_line


def check(gpus: int) -> Report:
    """The stages one after the other; the framework is imported once there is a driver."""
    version = driver.version()
    torch = framework()
    from gpu_check import product

    product.require_gpus(gpus)
    checked = []
    for number in range(gpus):
        found = product.check(number)
        print(f"GPU {number}: {found.name}, {found.memory_gib} GiB, {found.tflops} TFLOP/s, error {found.error:.1e}")
        checked.append(found)
    product.require_equal_speed(checked)
    return Report(version, f"PyTorch {torch.__version__}", str(torch.version.cuda), checked)


def framework() -> ModuleType:
    """PyTorch, which loads CUDA's libraries."""
    try:
        return importlib.import_module("torch")
    except (ImportError, OSError) as error:
        fix = "install PyTorch and the CUDA libraries that it needs in the image"
        raise Failed("framework", f"PyTorch can't be imported: {first_line(error)}", fix) from None


def main() -> int:
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit("usage: python -m gpu_check GPUS")
    try:
        found: Report | Failed = check(int(sys.argv[1]))
    except Failed as error:
        print(error)
        found = error
    report.write(found)
    return int(isinstance(found, Failed))


if __name__ == "__main__":
    sys.exit(main())
