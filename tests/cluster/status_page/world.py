"""Monitoring and the status page on the real cluster, as the platform's own components make them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cli.forward import forward
from cli.stack import environment
from common import run
from infra.catalogue.images import GPU_SIMULATOR, PROMETHEUS
from offline.cluster import containers
from offline.cluster.addresses import CONTEXT
from tests.cluster.monitoring.world import World
from tests.engine.images.engine import Engine
from tests.pulumi_engine import Pulumi

IMAGE = "status"
PAGE = """
import pulumi_random as random

from infra.foundation import Placement
from infra.observability.dashboards import DashboardFiles, DashboardFilesArgs
from infra.secrets.generated import GeneratedPassword
from infra.observability.status_page import StatusPage, StatusPageArgs


class Declared:
    def __init__(self, namespace, **more):
        self.namespace = namespace
        vars(self).update(more)


place = kubernetes.Provider("place", context={context!r}, enable_secret_mutable=True, enable_config_map_mutable=True)
as_the_platform = pulumi.ResourceOptions(providers=[place])
chance = pulumi.ResourceOptions(providers=[random.Provider("random")])
page = StatusPage(
    "status",
    StatusPageArgs(
        stack={platform!r},
        image=BuiltImage("status", "", "", pulumi.Output.from_input({page!r})),
        workspace=own,
        teams={{{team!r}: team}},
        endpoints={{"digits": Declared({team!r}, model="digits"), "lost": Declared({team!r}, model="lost")}},
        jobs={{"gone": Declared({team!r}, job_name="gone-12345678")}},
        pools={{{pool!r}: Placement({pool!r}, {{}}, [], simulated=True)}},
        dashboards=DashboardFiles("dashboards", DashboardFilesArgs(own), as_the_platform),
        prometheus="http://prometheus:9090",
        alertmanager="http://alertmanager:9093",
        password=GeneratedPassword("status", {rotation!r}, chance),
    ),
    as_the_platform,
)
pulumi.export("password", page.password)
"""


class PageWorld(World):
    """The page asks a cluster in which some of what is declared is missing."""

    rotation = 0
    stack: Pulumi
    outputs: dict[str, Any]

    def program(self) -> str:
        more = PAGE.format(
            platform=self.platform,
            team=self.team,
            pool=self.pool,
            page=self.images[IMAGE],
            context=CONTEXT,
            rotation=self.rotation,
        )
        return super().program() + more

    @property
    def pool(self) -> str:
        return f"{self.run}-pool"

    def up(self, stack: Pulumi) -> None:
        self.stack = stack
        stack.program(self.program())
        self.outputs = stack.up().outputs

    def renew(self) -> None:
        """A new generation of the page's password."""
        self.rotation += 1
        self.up(self.stack)

    @property
    def login(self) -> tuple[str, str]:
        return "admin", self.outputs["password"]

    @contextmanager
    def page(self) -> Iterator[str]:
        """Where this machine reaches it."""
        with forward(self.platform, "status", 8080, CONTEXT, environment()) as address:
            yield address


@contextmanager
def on_the_node(engine: Engine) -> Iterator[dict[str, str]]:
    """References of the images of monitoring and of the page, built and handed over without a registry in between."""
    built = {name: engine.image(name) for name in (PROMETHEUS, GPU_SIMULATOR, IMAGE)}
    found = {name: f"docker.io/{tag}:trial" for name, tag in built.items()}
    ctr = ["ctr", "--address", str(containers.SOCKET), "--namespace", "k8s.io", "images"]
    with TemporaryDirectory() as folder:
        for tag in built.values():
            image = engine.client.images.get(tag)
            image.tag(tag, "trial")  # another tag than `latest`, which a kubelet would always pull
            image.reload()
            archive = Path(folder) / "image.tar"
            with archive.open("wb") as file:
                file.writelines(image.save(named=f"{tag}:trial"))
            run.output([*ctr, "import", archive])
            engine.client.images.remove(f"{tag}:trial", noprune=True)
    try:
        yield found
    finally:
        run.output([*ctr, "rm", *found.values()])
