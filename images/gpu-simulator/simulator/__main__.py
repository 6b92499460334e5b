"""python -m simulator STACK NAMESPACE...: serves the metrics of simulated GPUs on port 9400, as DCGM's does."""

import signal
import sys
import threading
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from simulator.cluster import Cluster
from simulator.gpus import METRICS, XIDS, XIDS_TEXT, gpus

PORT = 9400


class SimulatedGpus(Collector):
    """Asked at each scrape; a cluster that doesn't answer is a scrape that fails."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def describe(self) -> Iterator[GaugeMetricFamily]:
        for name, text in METRICS.items():
            yield GaugeMetricFamily(name, text)
        yield GaugeMetricFamily(XIDS, XIDS_TEXT)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found = list(gpus(self._cluster.nodes(), self._cluster.pods()))
        labels = list(found[0].labels) if found else []
        for name, text in METRICS.items():
            family = GaugeMetricFamily(name, text, labels=labels)
            for gpu in found:
                family.add_metric(list(gpu.labels.values()), gpu.readings[name])
            yield family
        counted = GaugeMetricFamily(XIDS, XIDS_TEXT, labels=[*labels, "xid"])
        for gpu in found:
            xid, count = gpu.xids
            counted.add_metric([*gpu.labels.values(), xid], count)
        yield counted


def main() -> None:
    registry = CollectorRegistry()
    registry.register(SimulatedGpus(Cluster(sys.argv[1], sys.argv[2:])))
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    start_http_server(PORT, registry=registry)
    stopped.wait()


if __name__ == "__main__":
    main()
