"""What ONNX Runtime does without a server, in the interpreter of `images/serving`; benchmarks/serving.py runs it.

python bare_session.py MODEL CLIENTS SECONDS: a thread for each client, a row for each request. Prints all durations.
"""

from __future__ import annotations

import json
import sys
import time
from threading import Thread

import numpy as np
import onnxruntime


def main(model: str, clients: int, seconds: float) -> None:
    """With the server's options."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0]
    row = {taken.name: np.full((1, *taken.shape[1:]), 0.5, np.float32)}
    each: list[float] = []
    begin, begin_cpu = time.perf_counter(), time.process_time()

    def ask() -> None:
        while (began := time.perf_counter()) - begin < seconds:
            session.run(None, row)
            each.append(time.perf_counter() - began)

    threads = [Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu = time.process_time() - begin_cpu
    print(json.dumps({"elapsed": time.perf_counter() - begin, "each": each, "cpu": cpu}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
