"""`make logs JOB=name`: what a job or an endpoint has printed, from the log store; its pods and nodes may be gone.

Everything goes by the caller's own rights in the cluster: to read the Secret with the team's login, and to forward a
port to the store's proxy, which shows a login the logs of its team.
"""

import base64
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli import preflight, stack, status
from cli.forward import forward
from cli.kubeconfig import client_of_file
from common.errors import CommandError
from infra.catalogue.logs import POD_LOGS, READER_POD, READER_PORT
from infra.catalogue.names import LOGS_SECRET, logs_namespace
from infra.declaration.model import Platform
from infra.declaration.problems import suggestion
from infra.workloads.serving.settings import SERVING

_SINCE = re.compile(r"[1-9]\d{0,5}[smhd]", re.ASCII)
_TIMEOUT = 60
_OVERLAP = "10s"
"""Followed lines begin so long before, and those that are printed already are left out: none is missed."""
_ZONE = re.compile(r"(Z|[+-]\d\d:\d\d)$")


@dataclass(frozen=True)
class Wanted:
    """Exactly one of `job` and `endpoint`."""

    job: str | None
    endpoint: str | None
    lines: int = 100
    since: str | None = None
    follow: bool = False

    def require_valid(self) -> None:
        if bool(self.job) == bool(self.endpoint):
            raise CommandError("whose logs?", "exactly one of JOB and ENDPOINT is needed", hint="make logs JOB=name")
        if self.since is not None and not _SINCE.fullmatch(self.since):
            raise CommandError(f"SINCE={self.since} is no duration", hint="write one such as 90s, 30m, 2h or 1d")
        if self.lines < 1:
            raise CommandError(f"LINES={self.lines} is too few", hint="write a number from 1 on")


@dataclass(frozen=True)
class Line:
    """One line, and when the container runtime wrote it."""

    file: str
    written: str
    text: str

    @property
    def moment(self) -> str:
        """In the order of time: nanoseconds are written without zeros at their end, before the time zone."""
        return _ZONE.sub("", self.written)

    @property
    def pod(self) -> str:
        """From the name of its folder, `<namespace>_<pod>_<uid>`."""
        return self.file.removeprefix(POD_LOGS).split("/")[1].split("_")[1]


def show(name: str, wanted: Wanted, kubeconfig: Path | None) -> int:
    """Print the lines; the exit code."""
    wanted.require_valid()
    declared = preflight.declaration(name, values=False)
    if not declared.collects_logs:
        hint = "declare monitoring.logs: {} and run `make up`; logs of pods that still exist: kubectl logs"
        raise CommandError(f"stack {name} has no log store", hint=hint)
    team, query = found(name, declared, wanted)
    if is_simulated(declared, wanted):
        sys.stderr.write(f"the pods of {wanted.job} are on simulated nodes and never executed: they print nothing\n")
    api, context, environment = _cluster(name, declared, kubeconfig)
    login = _login(client.CoreV1Api(api), team)
    where = (logs_namespace(declared.namespace), f"pod/{READER_POD}", READER_PORT)
    with forward(*where, context, environment) as address:
        server = Server(address, login)
        printed = server.last(query, wanted)
        _print(printed)
        if wanted.follow:
            _follow(server, query, printed)
        elif not printed:
            since = f" since {wanted.since}" if wanted.since else ""
            sys.stderr.write(f"the log store has no lines of {wanted.job or wanted.endpoint}{since}\n")
    return 0


def found(name: str, declared: Platform, wanted: Wanted) -> tuple[str, str]:
    """The team of the wanted workload, and the query for its logs."""
    each = [(kind.section, known, it.team) for kind, known, it in declared.workloads()]
    known = [one for one in each if (one[0] == SERVING.section) == bool(wanted.endpoint)]
    asked = str(wanted.job or wanted.endpoint)
    chosen = [one for one in known if asked in _names(one)]
    if not chosen:
        what = "endpoint" if wanted.endpoint else "job"
        near = suggestion(asked, {known for _, known, _ in known})
        raise CommandError(f"stack {name} has no {what} '{asked}'{near}")
    if len(chosen) > 1:
        choices = " or ".join(f"JOB={kind}/{known}" for kind, known, _ in chosen)
        raise CommandError(f"stack {name} has {len(chosen)} jobs '{asked}'; write {choices}")
    _, sought, team = chosen[0]
    others = [one for one in each if one[1].startswith(f"{sought}-") and one[2] == team]
    query = _files(chosen) + (f" !{_files(others)}" if others else "")
    return team, query + (f" _time:{wanted.since}" if wanted.since else "")


def _names(workload: tuple[str, str, str]) -> tuple[str, str]:
    """What a user may write for it: `digits`, and `training/digits`."""
    kind, name, _ = workload
    return name, f"{kind}/{name}"


def is_simulated(declared: Platform, wanted: Wanted) -> bool:
    """Whether the pods of a job run on nodes of which there is nothing but a name."""
    jobs = [
        kind.request(it).pool
        for kind, known, it in declared.workloads()
        if kind.section != SERVING.section and wanted.job in _names((kind.section, known, it.team))
    ]
    return declared.foundation.simulates_pools and any(jobs)


def _files(workloads: Sequence[tuple[str, str, str]]) -> str:
    """Names of pods begin with that of their workload, and their container has that of its kind."""
    patterns = "|".join(f"{POD_LOGS}/{team}_{name}-[^/]*/{kind}/.*" for kind, name, team in workloads)
    return f'{{file=~"{patterns}"}}'


@dataclass(frozen=True)
class Server:
    """The proxy of the log store, and a team's login."""

    address: str
    login: tuple[str, str]

    def last(self, query: str, wanted: Wanted) -> list[Line]:
        """The last lines, in the order in which they were written."""
        answer = self._get("query", {"query": query, "limit": str(wanted.lines)}, stream=False)
        return sorted(lines(answer.text.splitlines()), key=lambda line: (line.moment, line.file))

    def new(self, query: str) -> Iterator[Line]:
        """Lines as they come, until the caller stops."""
        answer = self._get("tail", {"query": query, "start_offset": _OVERLAP, "offset": "1s"}, stream=True)
        return lines(answer.iter_lines(decode_unicode=True))

    def _get(self, what: str, parameters: Mapping[str, str], *, stream: bool) -> requests.Response:
        url = f"{self.address}/select/logsql/{what}"
        timeout = (_TIMEOUT, None if stream else _TIMEOUT)
        try:
            answer = requests.get(url, params=parameters, auth=self.login, timeout=timeout, stream=stream)
        except requests.RequestException as error:
            raise CommandError("the log store does not answer", str(error), hint="run the command again") from None
        if answer.status_code == requests.codes.unauthorized:
            hint = "if the login is being rotated, run the command again in a minute"
            raise CommandError("the log store refuses the team's login", hint=hint)
        if not answer.ok:
            raise CommandError("the log store answers with an error", f"{answer.status_code}: {answer.text.strip()}")
        if stream:
            answer.encoding = "utf-8"
        return answer


def lines(entries: Iterable[str]) -> Iterator[Line]:
    """Of the store's JSON; a line of a log file is `<time> <stream> <full or partial> <text>`."""
    for entry in filter(None, entries):
        found = json.loads(entry)
        written, _, rest = found["_msg"].partition(" ")
        yield Line(found["file"], written, "".join(rest.split(" ", 2)[2:]))


def _follow(server: Server, query: str, printed: Sequence[Line]) -> None:
    known = set(printed)
    try:
        for line in server.new(query):
            if line not in known:
                _print([line])
    except KeyboardInterrupt:
        return
    except requests.RequestException as error:
        raise CommandError("the log store closed the connection", str(error), hint="run the command again") from None


def _print(printed: Sequence[Line]) -> None:
    """Each with its pod: a workload has had several."""
    for line in printed:
        sys.stdout.write(f"{line.pod}  {safe(line.text)}\n")
    sys.stdout.flush()


def safe(text: str) -> str:
    """Without control characters, which could change what a terminal shows."""
    return "".join(each for each in text if each.isprintable() or each == "\t")


def _cluster(name: str, declared: Platform, kubeconfig: Path | None) -> tuple[client.ApiClient, str, Mapping[str, str]]:
    """A client, its context, and the environment of kubectl for it."""
    context = preflight.kube_context(declared, name)
    environment = stack.environment(context)
    if kubeconfig is None:
        if why := status.why_unseen(name, declared):
            raise CommandError("the cluster can't be queried", why)
        return status.cluster_api(name, declared), context, environment
    api, context = client_of_file(kubeconfig)
    return api, context, {**environment, "KUBECONFIG": str(kubeconfig.resolve())}


def _login(core: client.CoreV1Api, team: str) -> tuple[str, str]:
    try:
        data: Mapping[str, Any] = core.read_namespaced_secret(LOGS_SECRET, team).data
    except ApiException as error:
        hint = {
            403: f"reading logs of team {team} needs its role developer or admin",
            404: "the stack's log store is not deployed; run `make up`",
        }.get(error.status, "")
        raise CommandError(
            f"no login for the logs of team {team}", f"{error.status}: {error.reason}", hint=hint
        ) from None
    except HTTPError as error:
        raise CommandError("the cluster does not answer", str(error)) from None
    username, password = (base64.b64decode(data[key]).decode() for key in ("username", "password"))
    return username, password
