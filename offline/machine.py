"""The interface of this package: what the commands need of the machine they run on.

`cli` imports this module only. Everything behind it (Go builds, Debian packages, dockerd, the local cluster, stand-in
plugins) may change without touching a command.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import docker

from common import versions
from common.console import Progress, Report
from offline import base_image, docker_engine, simulation, teardown, toolchain
from offline.cluster import addresses, containers, gateways, kubeconfig, lifecycle
from offline.plugins import install
from offline.plugins.install import Installed as Installed
from offline.plugins.sdk import required_plugins

CONTEXT = addresses.CONTEXT
"""The kube context of the local cluster."""

API_PORT = addresses.API_PORT
"""The loopback port of the local cluster's API server."""

PUBLIC_BASE_IMAGE = versions.PUBLIC_BASE_IMAGE
"""The base image where a public registry can be reached."""


DOWNLOAD_SECONDS = install.PATIENT_SECONDS
"""How long the download of a plugin may take to begin where only the official one will do."""


def ensure_tools(progress: Progress, *, cluster: bool, official: Collection[str] = ()) -> None:
    """Install the Pulumi engine and its plugins; with `cluster` also Docker, the base image and Kubernetes. Of the
    plugins named in `official`, no stand-in will do."""
    toolchain.ensure(progress, cluster=cluster, official=official)


def ensure_engine(progress: Progress) -> Path:
    """Install the Pulumi engine alone, and return its path."""
    return toolchain.ensure_engine(progress)


def ensure_plugins(home: Path, report: Report, engine: Path, *, for_preview: bool) -> Sequence[Installed]:
    """Install provider plugins below the PULUMI_HOME `home`.

    `for_preview` uses stand-ins in place of the official plugins that need Docker or credentials even for a preview.
    """
    return install.ensure_plugins(home, report, engine, download=install.WITHOUT_CREDENTIALS if for_preview else None)


def installed_plugins(home: Path) -> Sequence[Installed]:
    """The provider plugins that the program needs, and whether each is official, a stand-in or missing below `home`."""
    return [Installed(plugin, install.kind_of(home / "plugins", plugin)) for plugin in required_plugins()]


def ensure_test_packages(progress: Progress) -> None:
    """Install what only tests need; where that fails, the tests that need it are skipped."""
    toolchain.ensure_test_packages(progress)


def engine() -> Path:
    """The `pulumi` executable in use."""
    return toolchain.engine()


def engine_environment(home: Path) -> dict[str, str]:
    """Environment variables for the engine and kubectl. `home` is the PULUMI_HOME that holds the plugins."""
    return toolchain.environment(home)


def docker_host() -> str | None:
    """The address of the Docker engine in use, or None where none answers."""
    return docker_engine.host()


def docker_absence() -> str:
    """Why no Docker engine can be used."""
    return docker_engine.absence()


def published_ports(label: str) -> set[int]:
    """Ports of this machine that running containers with a label publish."""
    return docker_engine.published_ports(label)


def docker_client() -> docker.DockerClient:
    """A client of the Docker engine in use."""
    return docker_engine.client()


def docker_architecture() -> str:
    """The architecture of the Docker engine in use, in Go's words, such as amd64."""
    return str(docker_engine.client().version()["Arch"])


def start_docker() -> None:
    """Start a Docker engine unless one answers."""
    docker_engine.start()


def lacks_base_image(reference: str) -> bool:
    """Whether `reference` is the base image that is built locally and is missing in the Docker engine."""
    return reference == base_image.IMAGE and not docker_engine.client().images.list(base_image.IMAGE)


def kubeconfig_files(context: str) -> str:
    """The kubeconfig files to search for `context`, in the format of $KUBECONFIG."""
    return kubeconfig.files(context)


def start_cluster(report: Report) -> None:
    """Start the local cluster and wait until its node is Ready."""
    lifecycle.start(report)


def connect_registry(port: int, metrics_port: int) -> None:
    """Let the local cluster pull from a registry on a loopback port, and scrape its metrics from another."""
    containers.trust_registry(port)
    gateways.to_loopback(metrics_port).start()


def connect_object_store(port: int) -> None:
    """Let pods reach an object store on a loopback port, as far as network policies allow it."""
    gateways.to_loopback(port).start()


def connect_gateway(address: str, https_port: int, http_port: int) -> None:
    """Let this machine reach the platform's gateway, a Service with this address, on loopback ports."""
    for port, service_port in ((https_port, 443), (http_port, 80)):
        gateways.from_loopback(port, f"{address}:{service_port}")


def entrances(address: str) -> set[int]:
    """Loopback ports that are forwarded to the gateway with this address."""
    return gateways.entrances(address)


def cluster_is_running() -> bool:
    """Whether the API server answers and every component of the node runs."""
    return lifecycle.is_running()


def crashed_components() -> Sequence[str]:
    """Components of the local cluster that ended without having been stopped."""
    return lifecycle.crashed()


def log_of(component: str) -> Path:
    """The log file of a component."""
    return lifecycle.log_of(component)


ControlPlane = simulation.ControlPlane


def ensure_simulation(progress: Progress) -> None:
    """Build the parts of a control plane without nodes; they need neither root nor Docker."""
    simulation.ensure(progress)


def simulated_control_plane() -> AbstractContextManager[ControlPlane]:
    """One of its own, until the end of the block."""
    return simulation.control_plane()


def discard_cluster() -> None:
    """Stop the local cluster and delete its data."""
    lifecycle.stop()
    lifecycle.remove()


def stop(progress: Progress) -> None:
    """Stop the local cluster and the Docker engine started here, delete their data, and verify that nothing is left."""
    docker_bridge_too = docker_engine.is_ours()
    teardown.stop(progress)
    teardown.require_nothing_left(docker_bridge_too=docker_bridge_too)
