"""What must be installed before anything runs: packages, tools, the Docker engine, the base image, Pulumi's plugins."""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import paths
from common.console import Progress, console
from offline import base_image, debian, docker_engine, go_tools
from offline.go_tools import GoModule
from offline.plugins import install as plugins


def ensure(progress: Progress, *, cluster: bool = True) -> None:
    """Install what is missing, side by side where that is faster; `cluster`: what a local cluster takes as well."""
    _say_what_is_outdated()
    modules = _engine_modules() + ([go_tools.KUBERNETES, go_tools.KWOK, go_tools.KUBE_ROUTER] if cluster else [])
    with ThreadPoolExecutor() as pool:
        building = pool.submit(_build, progress, [module for module in modules if not module.is_built()])
        packages = pool.submit(_packages, progress, cluster)
        packages.result()
        building.result()
    _plugins(progress)


def ensure_engine(progress: Progress) -> Path:
    """The engine alone, without plugins: enough for a preview."""
    _say_what_is_outdated()
    modules = _engine_modules()
    _build(progress, [module for module in modules if not module.is_built()])
    if modules:
        plugins.ensure_engine(paths.BIN, go_tools.PULUMI.program("pulumi"))
    return engine()


def environment(home: Path) -> dict[str, str]:
    """What the engine needs wherever state and secrets are. `home` is its PULUMI_HOME, where its plugins lie."""
    tools = [paths.REPOSITORY / ".venv" / "bin", go_tools.KUBERNETES.folder(), engine().parent]
    return {
        "PATH": os.pathsep.join([*map(str, tools), os.environ["PATH"], str(_uv_folder())]),
        "PULUMI_HOME": str(home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def _uv_folder() -> Path:
    """Where `bootstrap` puts uv on a machine without it. Pulumi's own language host takes it from PATH."""
    bootstrap = (paths.REPOSITORY / "cli" / "bootstrap").read_text()
    found = re.search(r"^uv_version=(\S+)$", bootstrap, re.MULTILINE)
    assert found is not None
    return paths.CACHE / f"uv-{found[1]}" / "bin"


def engine() -> Path:
    """The `pulumi` to run: a published one on PATH that is new enough, else the one built here."""
    return plugins.official_engine(other_than=paths.BIN) or paths.BIN / "pulumi"


def _engine_modules() -> list[GoModule]:
    return [] if plugins.official_engine(other_than=paths.BIN) else [go_tools.PULUMI]


def _say_what_is_outdated() -> None:
    """A published engine on PATH that would be used, were it newer."""
    if plugins.official_engine(other_than=paths.BIN):
        return
    for path, version in plugins.outdated_engines(other_than=paths.BIN).items():
        wanted = ".".join(map(str, plugins.oldest_engine()))
        console.print(
            f"[yellow]![/] {path} is {version}, and pyproject.toml asks for pulumi {wanted} or later: "
            f"{go_tools.PULUMI_VERSION} is built and used instead"
        )


def _build(progress: Progress, modules: Sequence[GoModule]) -> None:
    """All modules side by side: while one downloads or links, another compiles."""

    def build(module: GoModule) -> None:
        with progress.step(f"build {module.name} from source (some minutes)") as step:
            module.build(step.say)

    with ThreadPoolExecutor() as pool:
        list(pool.map(build, modules))


def _packages(progress: Progress, wanted: bool) -> None:
    if not wanted:
        return
    missing = debian.missing()
    if missing:
        with progress.step(f"install {len(missing)} Debian packages") as step:
            step.say(" ".join(missing))
            debian.install(missing)
    with progress.step("Docker engine and base image") as step:
        docker_engine.start()
        base_image.ensure_base_image(docker_engine.client(), paths.CACHE, step.say)


def _plugins(progress: Progress) -> None:
    """Install the plugins and say which of them are official."""
    with progress.step("Pulumi plugins") as step:
        if _engine_modules():
            plugins.ensure_engine(paths.BIN, go_tools.PULUMI.program("pulumi"))
        installed = plugins.ensure_plugins(paths.PULUMI_HOME, step.say, engine())
        step.say("; ".join(_told(installed)))


def _told(installed: Sequence[plugins.Installed]) -> Iterator[str]:
    """The plugins by their origin."""
    origins: dict[plugins.Kind, str] = {
        "downloaded": "official",
        "built": "official, built from its Go module",
        "stand-in": "stand-ins, since downloads are refused here",
    }
    for kind, origin in origins.items():
        names = [part.plugin.name for part in installed if part.kind == kind]
        if names:
            yield f"{origin}: {', '.join(names)}"
