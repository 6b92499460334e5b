"""Installs the engine's language host and its resource plugins.

An official plugin is downloaded, or else built from its Go module where the module proxy serves it, or else replaced by
a stand-in: a small executable that starts `offline.plugins.<name>` with this Python. Everything is installed into a
`PULUMI_HOME` of the project's own, so that no engine used elsewhere finds it. A downloaded plugin is never changed.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory, mkdtemp
from typing import Literal

from common.errors import CommandError
from offline.go_tools import KUBERNETES, GoModule
from offline.plugins import debug_log
from offline.plugins.sdk import RequiredPlugin, required_plugins

REPOSITORY = Path(__file__).resolve().parents[2]
EXEC_SCRIPT = "pulumi-language-python-exec"
LANGUAGE_HOST = "pulumi-language-python"
ENGINE_MODULE = REPOSITORY / "offline" / "go" / "pulumi"
PROBE_SECONDS = 5.0
PATIENT_SECONDS = 30.0
"""How long a download may take to begin where a stand-in will do, and where it won't."""

REFUSAL_HOURS = 24.0
GO_MODULES: Mapping[str, GoModule] = {"kubernetes": KUBERNETES}
"""Official plugins that can be built here, by name."""

CHECKOUT = "ML_PLATFORM_CHECKOUT"
"""Names the checkout whose commands run, to what it has installed for all of them."""

_PACKAGE = "offline.plugins."
_BUILT = ".built-from-go-module"  # a file beside an executable that was built here

Report = Callable[[str], None]
Kind = Literal["downloaded", "built", "stand-in", "missing"]
_OFFICIAL = ("downloaded", "built")

WITHOUT_CREDENTIALS = ("kubernetes",)
"""Official plugins that preview without credentials, a cluster or Docker."""


@dataclass(frozen=True)
class Installed:
    """A plugin that the SDK packages ask for, and what there is of it."""

    plugin: RequiredPlugin
    kind: Kind

    @property
    def official(self) -> bool:
        return self.kind in _OFFICIAL


def ensure_plugins(
    pulumi_home: Path,
    report: Report,
    engine: Path,
    download: Collection[str] | None = None,
    *,
    insist: Collection[str] = (),
) -> list[Installed]:
    """Install each plugin that the SDK packages need; only those named in `download`, if given, are downloaded.

    Of those named in `insist` nothing else than a download will do: it is waited for longer, and tried again although
    it was refused lately.
    """
    folder = pulumi_home / "plugins"
    folder.mkdir(parents=True, exist_ok=True)
    debug_log.prevent(pulumi_home)
    wanted = required_plugins()
    kinds = {plugin.name: kind_of(folder, plugin) for plugin in wanted}
    allowed = [plugin for plugin in wanted if download is None or plugin.name in download]
    insisted = [plugin for plugin in wanted if plugin.name in insist and kinds[plugin.name] != "downloaded"]
    absent = [] if _refused_lately(folder) else [each for each in allowed if kinds[each.name] not in _OFFICIAL]
    if downloads := [*insisted, *(plugin for plugin in absent if plugin not in insisted)]:
        _download(pulumi_home, downloads, report, engine, PATIENT_SECONDS if insisted else PROBE_SECONDS)
    for plugin in wanted:
        if kind_of(folder, plugin) != "downloaded":
            _install_substitute(folder, plugin, report)
    return [Installed(plugin, kind_of(folder, plugin)) for plugin in wanted]


def ensure_engine(bin_dir: Path, engine: Path) -> None:
    """`pulumi`, its language host and the exec script side by side, as the engine wants them."""
    bin_dir.mkdir(parents=True, exist_ok=True)
    if not _same_file(engine, bin_dir / "pulumi"):
        _place(bin_dir / "pulumi", lambda partial: _link_or_copy(engine, partial))
    script = bin_dir / EXEC_SCRIPT
    if not script.exists():
        source = exec_script(engine)
        _place(script, lambda partial: partial.write_bytes(source.read_bytes()))
    _write_script(bin_dir / LANGUAGE_HOST, "language")


def official_engine(other_than: Path) -> Path | None:
    """The first published `pulumi` on PATH that is new enough for the SDK; never the one that we installed."""
    published = _published_engines(other_than)
    return next((pulumi for pulumi in published if _numbers(engine_version(pulumi)) >= oldest_engine()), None)


def outdated_engines(other_than: Path) -> dict[Path, str]:
    """Published engines that are too old, with their versions."""
    versions = {pulumi: engine_version(pulumi) for pulumi in _published_engines(other_than)}
    return {pulumi: version for pulumi, version in versions.items() if _numbers(version) < oldest_engine()}


def oldest_engine() -> tuple[int, ...]:
    """What pyproject.toml asks for, such as (3, 259)."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    (wanted,) = [found[1] for line in project["dependencies"] if (found := re.match(r"pulumi>=([\d.]+)", line))]
    return _numbers(wanted)


@cache
def engine_version(pulumi: Path) -> str:
    """The version, such as `v3.259.0`; an engine that fails to run counts as older than any."""
    env = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run([pulumi, "version"], env=env, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "of no version"
    return done.stdout.strip() or "of no version"


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(map(int, found[1].split("."))) if found else ()


def _published_engines(other_than: Path) -> Iterator[Path]:
    """Published engines on PATH: each has its language host beside it."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        pulumi = Path(folder, "pulumi")
        if not os.access(pulumi, os.X_OK) or Path(folder).resolve() == other_than.resolve():
            continue
        host = pulumi.resolve().parent / LANGUAGE_HOST
        if host.exists() and not _is_stand_in(host):
            yield pulumi


def exec_script(engine: Path) -> Path:
    """The SDK's exec script: beside the engine, else in the Go module that the engine was built with."""
    beside = engine.resolve().parent / EXEC_SCRIPT
    if beside.exists():
        return beside
    command = ["go", "mod", "download", "-json", "github.com/pulumi/pulumi/sdk/v3"]
    done = subprocess.run(command, cwd=ENGINE_MODULE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError("Pulumi's Go SDK can't be fetched", (done.stderr or done.stdout).strip())
    return Path(json.loads(done.stdout)["Dir"], "python", "cmd", EXEC_SCRIPT)


def kind_of(folder: Path, plugin: RequiredPlugin) -> Kind:
    """What is installed of a plugin; the engine ignores a folder with a `.partial` file beside it, so we do."""
    executable = folder / plugin.folder / plugin.executable
    if not executable.exists() or (folder / f"{plugin.folder}.partial").exists():
        return "missing"
    if _is_stand_in(executable):
        return "stand-in"
    return "built" if executable.with_name(_BUILT).exists() else "downloaded"


def _is_stand_in(executable: Path) -> bool:
    """A stand-in of this or an earlier checkout is a short script that starts a Python module."""
    return executable.stat().st_size < 4096 and b" -P -m " in executable.read_bytes()


def _download(
    pulumi_home: Path, plugins: Iterable[RequiredPlugin], report: Report, engine: Path, seconds: float
) -> None:
    """Try the official plugins, all at once; one that has not even begun to arrive in so many seconds is refused."""
    report("looking for the official plugins")
    plugins = list(plugins)
    for plugin in plugins:  # the engine keeps a plugin that is there already, even a stand-in
        shutil.rmtree(pulumi_home / "plugins" / plugin.folder, ignore_errors=True)
    with ThreadPoolExecutor(max_workers=len(plugins)) as pool:
        arrived = list(pool.map(lambda plugin: _download_one(pulumi_home, plugin, report, engine, seconds), plugins))
    stamp = _refusal(pulumi_home / "plugins")
    if all(arrived):
        stamp.unlink(missing_ok=True)
    else:
        stamp.touch()


def _download_one(pulumi_home: Path, plugin: RequiredPlugin, report: Report, engine: Path, seconds: float) -> bool:
    command: list[str | Path] = [engine, "plugin", "install", "resource", plugin.name, plugin.version]
    command += ["--server", plugin.server] if plugin.server else []
    with TemporaryDirectory(prefix="plugin-") as scratch:
        env = {**os.environ, "PULUMI_HOME": str(pulumi_home), "PULUMI_SKIP_UPDATE_CHECK": "true", "TMPDIR": scratch}
        process = subprocess.Popen(command, env=env, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
        deadline = time.monotonic() + seconds
        while process.poll() is None:
            if time.monotonic() > deadline and not _arriving(Path(scratch)):
                process.kill()
            time.sleep(0.05)
    report(f"{plugin.name} {plugin.version}: " + ("downloaded" if process.returncode == 0 else "no download possible"))
    return process.returncode == 0


def _arriving(scratch: Path) -> bool:
    """Whether the engine has received anything: it downloads to a temporary file of its own first."""
    return any(file.stat().st_size > 0 for file in scratch.iterdir() if file.is_file())


def _refusal(folder: Path) -> Path:
    return folder / ".downloads-refused"


def _refused_lately(folder: Path) -> bool:
    stamp = _refusal(folder)
    return stamp.exists() and time.time() - stamp.stat().st_mtime < REFUSAL_HOURS * 3600


def _install_substitute(folder: Path, plugin: RequiredPlugin, report: Report) -> None:
    """What takes the place of a plugin that can't be downloaded."""
    module = GO_MODULES.get(plugin.name)
    if module is not None:
        _install_built(folder, plugin, module, report)
    elif find_spec(_PACKAGE + plugin.name) is not None:
        _install_stand_in(folder, plugin)


def _install_built(folder: Path, plugin: RequiredPlugin, module: GoModule, report: Report) -> None:
    module.build(lambda what: report(f"{plugin.name}: {what} its Go module (some minutes)"), [plugin.executable])
    program, executable = module.program(plugin.executable), folder / plugin.folder / plugin.executable
    if kind_of(folder, plugin) == "built" and _same_file(program, executable):
        return

    def fill(partial: Path) -> None:
        (partial / _BUILT).touch()
        _link_or_copy(program, partial / plugin.executable)

    _install_folder(folder, plugin, fill)


def _install_stand_in(folder: Path, plugin: RequiredPlugin) -> None:
    if kind_of(folder, plugin) == "stand-in":
        _write_script(folder / plugin.folder / plugin.executable, plugin.name)
    else:
        _install_folder(folder, plugin, lambda partial: _write_script(partial / plugin.executable, plugin.name))


def _install_folder(folder: Path, plugin: RequiredPlugin, fill: Callable[[Path], object]) -> None:
    """Make a plugin's folder in one step, in the place of whatever is there."""
    for leftover in folder.glob(".installing-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = Path(mkdtemp(prefix=".installing-", dir=folder))
    partial.chmod(0o755)
    fill(partial)
    target = folder / plugin.folder
    shutil.rmtree(target, ignore_errors=True)
    (folder / f"{plugin.folder}.partial").unlink(missing_ok=True)
    partial.rename(target)


def _write_script(path: Path, module: str) -> None:
    """An executable that becomes the module's process; the caller's folder is kept off Python's path.

    Checkouts share it: it runs the code of the one that calls it, or else of the one that has written it.
    """
    text = (
        "#!/bin/sh\n"
        f"checkout={shlex.quote(str(REPOSITORY))} python={shlex.quote(sys.executable)}\n"
        f'if [ -n "${CHECKOUT}" ]; then checkout=${CHECKOUT} python=${CHECKOUT}/.venv/bin/python; fi\n'
        'if [ ! -x "$python" ]; then\n'
        "    echo \"$0: $checkout has gone; run pulumi in 'make shell' of another checkout\" >&2\n"
        "    exit 1\n"
        "fi\n"
        "PYTHONPATH=$checkout${PYTHONPATH:+:$PYTHONPATH}\n"
        "export PYTHONPATH\n"
        f'exec "$python" -P -m {_PACKAGE}{module} "$@"\n'
    )
    if not path.exists() or path.read_text(errors="replace") != text:
        _place(path, lambda partial: partial.write_text(text))


def _place(path: Path, write: Callable[[Path], object]) -> None:
    """Make a file in one step, so that a killed install never leaves half of one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    write(partial)
    partial.chmod(0o755)
    partial.replace(path)


def _same_file(source: Path, target: Path) -> bool:
    if not target.exists():
        return False
    ours, theirs = source.stat(), target.stat()
    same = os.path.samestat(ours, theirs)
    return same or (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another file system
        shutil.copy2(source, target)
