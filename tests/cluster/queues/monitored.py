"""What is added to the stack of the teams with queues: monitoring, and what stops the idle runs of one job of red."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from tests.cluster.queues.world import World

SECONDS = 10
"""For how long GPUs must not be used."""
PROGRAM = """
from infra.catalogue.alerts.idle import IdleLimit
from infra.declaration.monitoring import Monitoring as Settings
from infra.observability.prometheus import Monitoring, MonitoringArgs
from infra.observability.responder import Responder
from infra.queues.run_stopper import run_stopper

images = {{name: BuiltImage(name, "", "", pulumi.Output.from_input(image)) for name, image in {images!r}.items()}}
monitoring = Monitoring(
    "monitoring",
    MonitoringArgs(
        settings=Settings.model_validate(
            {{"scrapeInterval": "2s", "sloWindow": "1d", "retention": "1d", "storage": "1Gi"}}
        ),
        stack=platform,
        workspace=observer,
        teams=teams,
        endpoints={{}},
        image=images["prometheus"],
        gpu_simulator=images["gpu-simulator"],
        pools={{}},
        secrets={{}},
        volume=Volume(None),
        protect_data=False,
        idle=[IdleLimit({red!r}, "training", "digits", below=5, for_={seconds}, then="stop")],
    ),
    after(),
)
declaring = {{{red!r}: teams[{red!r}]}}
Responder("run-stopper", run_stopper(images["controllers"], observer, declaring), after(monitoring))
"""


def program(world: World, images: Mapping[str, str]) -> str:
    return PROGRAM.format(images=dict(images), red=world.red, seconds=SECONDS)


def value(world: World, query: str) -> float | None:
    """What Prometheus answers; None: no series, or no answer yet."""
    path = f"/api/v1/namespaces/{world.name}/services/prometheus:9090/proxy/api/v1/query"
    request = world.api.param_serialize("GET", path, query_params=[("query", query)], auth_settings=["BearerToken"])
    answer = world.api.call_api(*request)
    answer.read()
    if answer.status != HTTPStatus.OK:
        return None
    found = json.loads(answer.data)["data"]["result"]
    return float(found[0]["value"][1]) if found else None


def use_gpus(world: World, percent: int | None) -> None:
    """All GPUs of the node; None: as a pod usually does."""
    reading = None if percent is None else f"DCGM_FI_DEV_GPU_UTIL={percent}"
    readings = {f"gpu-{number}.ml-platform.io/readings": reading for number in range(8)}
    world.core.patch_node(world.pool, {"metadata": {"annotations": readings}})
