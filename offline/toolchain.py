"""Installs Debian packages, Go tools, the Docker engine, the base image and Pulumi's plugins."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import paths, versions
from common.console import Progress, console
from common.environment import no_loopback_proxy
from common.errors import CommandError
from offline import base_image, debian, docker_engine, go_tools
from offline.go_tools import GoModule
from offline.plugins import install as plugins


def ensure(progress: Progress, *, cluster: bool = True, official: Collection[str] = ()) -> None:
    """Install what is missing, in parallel; with `cluster` also what the local cluster needs. Of the plugins named in
    `official`, no stand-in will do."""
    _warn_of_outdated_engines()
    with ThreadPoolExecutor() as pool:
        building = pool.submit(build, progress, _wanted(cluster))
        packages = pool.submit(_packages, progress, cluster)
        packages.result()
        building.result()
    _plugins(progress, insist=official)


def ensure_test_packages(progress: Progress) -> None:
    """Install the browser that tests of web pages use; where that fails, those tests are skipped."""
    missing = debian.missing(debian.FOR_TESTS)
    if not missing:
        return
    try:
        with progress.step(f"install {' '.join(missing)} for tests of web pages"):
            debian.install(missing)
    except CommandError as error:
        console.print(f"[yellow]![/] tests of web pages are skipped: {error}")


def ensure_engine(progress: Progress) -> Path:
    """Install the engine without plugins; its path."""
    _warn_of_outdated_engines()
    build(progress, {go_tools.PULUMI: ["pulumi"]} if _builds_engine() else {})
    if _builds_engine():
        plugins.ensure_engine(paths.BIN, go_tools.PULUMI.program("pulumi"))
    return engine()


def environment(home: Path) -> dict[str, str]:
    """Environment variables of the engine, independent of the backend. `home` is the PULUMI_HOME with its plugins."""
    tools = [paths.REPOSITORY / ".venv" / "bin", go_tools.KUBERNETES.folder(), engine().parent]
    return {
        "PATH": os.pathsep.join([*map(str, tools), os.environ["PATH"], str(_uv_folder())]),
        **no_loopback_proxy(os.environ),
        # The engine writes the whole state with each change of a resource: a fifth of its time was garbage collection.
        "GOGC": os.environ.get("GOGC", "400"),
        plugins.CHECKOUT: str(paths.REPOSITORY),
        "PULUMI_HOME": str(home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def _uv_folder() -> Path:
    """Where `cli/bootstrap` installs uv; Pulumi's official language host looks for it on PATH."""
    return paths.CACHE / f"uv-{versions.UV}" / "bin"


def engine() -> Path:
    """The `pulumi` to run: a published one on PATH that is new enough, or the one built here."""
    return plugins.official_engine(other_than=paths.BIN) or paths.BIN / "pulumi"


def _builds_engine() -> bool:
    return plugins.official_engine(other_than=paths.BIN) is None


def _wanted(cluster: bool) -> Mapping[GoModule, Sequence[str]]:
    """The programs to build. Where the engine has to be built, Pulumi's Kubernetes provider has to be, too."""
    provider = [go_tools.PULUMI_KUBERNETES]
    kubernetes = [name for name in go_tools.KUBERNETES.packages() if name not in provider] if cluster else []
    if _builds_engine():
        return {go_tools.PULUMI: ["pulumi"], go_tools.KUBERNETES: kubernetes + provider}
    return {go_tools.KUBERNETES: kubernetes}


def _warn_of_outdated_engines() -> None:
    """Warn about published engines on PATH that are too old."""
    if plugins.official_engine(other_than=paths.BIN):
        return
    for path, version in plugins.outdated_engines(other_than=paths.BIN).items():
        wanted = ".".join(map(str, plugins.oldest_engine()))
        console.print(
            f"[yellow]![/] {path} is {version}, but pyproject.toml requires pulumi {wanted} or later: "
            f"{go_tools.PULUMI_VERSION} is built and used instead"
        )


def build(progress: Progress, wanted: Mapping[GoModule, Sequence[str]]) -> None:
    """Build what is missing, in parallel: one module compiles while another downloads or links."""

    def missing_of(module: GoModule) -> None:
        missing = module.missing(wanted[module])
        if missing:
            with progress.step(f"build {module.name} from source (some minutes)") as step:
                module.build(step.say, missing)

    with ThreadPoolExecutor() as pool:
        list(pool.map(missing_of, wanted))


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


def _plugins(progress: Progress, *, insist: Collection[str]) -> None:
    """Install the plugins and report where each comes from."""
    with progress.step("Pulumi plugins") as step:
        if _builds_engine():
            plugins.ensure_engine(paths.BIN, go_tools.PULUMI.program("pulumi"))
        installed = plugins.ensure_plugins(paths.PULUMI_HOME, step.say, engine(), insist=insist)
        step.say("; ".join(_origins(installed)))


def _origins(installed: Sequence[plugins.Installed]) -> Iterator[str]:
    labels: dict[plugins.Kind, str] = {
        "downloaded": "official",
        "built": "official, built from the Go module",
        "stand-in": "stand-ins, since downloads failed",
    }
    for kind, label in labels.items():
        names = [part.plugin.name for part in installed if part.kind == kind]
        if names:
            yield f"{label}: {', '.join(names)}"
