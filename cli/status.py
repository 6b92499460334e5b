"""`make status`: endpoints, jobs, images, nodes and GPUs, as tables or JSON."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kubernetes import client
from rich.markup import escape
from rich.table import Table
from urllib3.exceptions import HTTPError

from cli import preflight, run_state, stack
from cli.gpu_check.result import last_checks
from cli.jobs import has_ended, read
from cli.kubeconfig import api_client, contexts
from cli.nodes import Node, nodes
from cli.objects import Objects
from cli.shadow import Answers, Shadows, shadows
from cli.traffic_split import traffic_split
from cli.usage import Usage, usage
from common import paths
from common.console import console
from common.errors import CommandError
from infra.declaration.model import Platform
from infra.workloads.kinds import KINDS
from offline import machine

_WAITING = ("queued", "pending", "suspended")


@dataclass(frozen=True)
class Workload:
    """A workload of any kind."""

    name: str
    namespace: str
    state: str
    model: str
    image: str
    address: str
    simulated: bool


@dataclass(frozen=True)
class Status:
    stack: str
    workloads: Mapping[str, Sequence[Workload]]
    """By the name of their kind's outputs."""
    images: Mapping[str, str]
    nodes: Sequence[Node]
    registry: str
    tracking: str
    crashed: Sequence[str]
    unseen: str = ""
    """Why the cluster was not queried: its context is in no kubeconfig of this machine."""
    usage: Usage | None = None
    shadows: Shadows = field(default_factory=dict)


def show(name: str, *, as_json: bool) -> int:
    """Print the status; the exit code is 1 if a component of the local cluster has crashed."""
    declared = preflight.declaration(name)
    if not stack.exists(name):
        raise CommandError(f"stack {name} is not up on this machine", hint="run `make up`")
    found = collect(name, declared)
    if as_json:
        print(json.dumps(asdict(found), indent=2))
    else:
        print_status(found)
    return 1 if found.crashed else 0


def require_seen(name: str, declared: Platform) -> None:
    """The stack is up, and its cluster can be queried."""
    if not stack.exists(name):
        raise CommandError(f"stack {name} is not up on this machine", hint=f"run `make up STACK={name}`")
    if unseen := why_unseen(name, declared):
        raise CommandError("the cluster can't be queried", unseen)


def collect(name: str, declared: Platform) -> Status:
    """Query the stack's outputs and the cluster."""
    outputs = stack.outputs(name)
    crashed = machine.crashed_components() if declared.foundation.local else []
    if not outputs:
        return Status(name, {}, {}, [], "", "", crashed)
    unseen = why_unseen(name, declared)
    if unseen:
        address = outputs["registry"]["address"]
        return Status(name, {}, outputs["images"], [], address, "", crashed, unseen)
    api = cluster_api(name, declared)
    core = client.CoreV1Api(api)
    with ThreadPoolExecutor(2) as threads:
        # Meanwhile: Prometheus is reached through a port-forward, which takes as long as all the rest.
        held, compared = threads.submit(usage, name, declared), threads.submit(shadows, name, declared)
        try:
            return Status(
                stack=name,
                workloads={
                    kind.outputs: [_workload(api, key, value) for key, value in outputs.get(kind.outputs, {}).items()]
                    for kind in KINDS
                },
                images=outputs["images"],
                nodes=_nodes(api, outputs["namespace"]),
                registry=outputs["registry"]["address"],
                tracking=_service_address(core, outputs["tracking"]),
                crashed=crashed,
                usage=held.result(),
                shadows=compared.result(),
            )
        except HTTPError as error:
            why = f"{', '.join(crashed)} crashed" if crashed else str(error)
            raise CommandError("the cluster does not answer", why, log=paths.LOGS, hint="run `make up`") from None


def why_unseen(name: str, declared: Platform) -> str:
    """Why a cluster that this machine does not run can't be queried, if it can't."""
    aws, context = declared.foundation.aws, preflight.kube_context(declared, name)
    if declared.foundation.local is not None or context in contexts(machine.kubeconfig_files(context)):
        return ""
    update = f"aws eks update-kubeconfig --region {aws.region} --name {context.rpartition('/')[2]}" if aws else ""
    fix = f"run `{update}`" if update else "set KUBECONFIG"
    return f"the cluster was not queried: no kubeconfig has the context {context}; {fix}"


def cluster_api(name: str, declared: Platform) -> client.ApiClient:
    """A client for the stack's cluster."""
    return api_client(preflight.kube_context(declared, name))


def _workload(api: client.ApiClient, name: str, output: Mapping[str, Any]) -> Workload:
    """By the object that the workload is in the cluster."""
    if "service" in output:
        return _endpoint(api, name, output)
    return job(api, name, output) if "job" in output else _cron_job(api, name, output)


def is_asleep(api: client.ApiClient, output: Mapping[str, Any]) -> bool:
    """Whether an endpoint has no pods until a request comes."""
    deployment = read(client.AppsV1Api(api).read_namespaced_deployment, output["service"], output["namespace"])
    return bool(output.get("sleeps") and deployment and deployment.spec.replicas == 0)


def _endpoint(api: client.ApiClient, name: str, output: Mapping[str, Any]) -> Workload:
    core = client.CoreV1Api(api)
    deployment = read(client.AppsV1Api(api).read_namespaced_deployment, output["service"], output["namespace"])
    state = _readiness(deployment, output) if deployment else "missing"
    if "canary_percent" in output:
        state += f", {_canary(api, output)}"
    image = deployment.spec.template.spec.containers[0].image if deployment else ""
    address = output.get("url") or _service_address(core, output)
    return Workload(name, output["namespace"], state, output["model"], image, address, False)


def _readiness(deployment: client.V1Deployment, output: Mapping[str, Any]) -> str:
    if output.get("sleeps") and deployment.spec.replicas == 0:
        return "asleep until a request"
    return f"{deployment.status.ready_replicas or 0}/{deployment.spec.replicas} ready"


def _canary(api: client.ApiClient, output: Mapping[str, Any]) -> str:
    """What its route gives the canary now: none, if that was rolled back."""
    objects = client.CustomObjectsApi(api)

    def route(name: str, namespace: str) -> Any:
        return objects.get_namespaced_custom_object("gateway.networking.k8s.io", "v1", namespace, "httproutes", name)

    found = read(route, output["service"], output["namespace"])
    if found is None:
        return "no route"
    percent = 100 - traffic_split(found["spec"]["rules"][0]["backendRefs"]).get(output["service"], 0)
    return "canary rolled back" if output["canary_percent"] and not percent else f"canary {percent} %"


def _cron_job(api: client.ApiClient, name: str, output: Mapping[str, Any]) -> Workload:
    found = read(client.BatchV1Api(api).read_namespaced_cron_job, output["cron_job"], output["namespace"])
    image = found.spec.job_template.spec.template.spec.containers[0].image if found else ""
    state = _cron_job_state(found, active_runs(api, found)) if found else "missing"
    return Workload(name, output["namespace"], state, "", image, "", output["simulated"])


def active_runs(api: client.ApiClient, cron_job: client.V1CronJob) -> list[str]:
    """Unfinished Jobs of a CronJob; it does not list those that somebody else has started in its own status."""
    jobs = client.BatchV1Api(api).list_namespaced_job(cron_job.metadata.namespace).items
    own = [job for job in jobs if cron_job.metadata.uid in {owner.uid for owner in job.metadata.owner_references or []}]
    return [job.metadata.name for job in own if not has_ended(job.status)]


def _cron_job_state(found: Any, active: Sequence[str]) -> str:
    if active:
        return f"{len(active)} running"
    when = "on demand" if found.spec.suspend else f"{found.spec.schedule} {found.spec.time_zone}"
    last = found.status.last_successful_time
    return f"{when}, last succeeded {last:%Y-%m-%d %H:%M} UTC" if last else when


def job(api: client.ApiClient, name: str, output: Mapping[str, Any]) -> Workload:
    """A submitted run."""
    found = read(client.BatchV1Api(api).read_namespaced_job, output["job"], output["namespace"])
    image = found.spec.template.spec.containers[0].image if found else ""
    state = run_state.of_job_set(api, output, found) if output.get("job_set") else run_state.of_job(api, found)
    return Workload(output["job"], output["namespace"], state, output["model"], image, "", output["simulated"])


def _service_address(core: Any, output: Mapping[str, Any]) -> str:
    service = read(core.read_namespaced_service, output["service"], output["namespace"])
    return f"http://{service.spec.cluster_ip}:{output['port']}" if service else ""


def _nodes(api: client.ApiClient, namespace: str) -> list[Node]:
    found = nodes(Objects(api))
    checks = last_checks(api, namespace, {each.name for each in found})
    return [replace(each, gpu_check=checks.get(each.name, "")) for each in found]


def print_status(status: Status) -> None:
    """Print the status as tables."""
    for title, rows in status.workloads.items():
        if not rows:
            continue
        table = _table(title, "team", "state", "model", "image", "address" if any(row.address for row in rows) else "")
        for row in rows:
            state = f"{row.state} [yellow](simulated)[/]" if row.simulated else _coloured(row.state)
            table.add_row(escape(row.name), row.namespace, state, row.model, _short(row.image), row.address)
        console.print(table)
    images = _table("image", "reference in the private registry")
    for name, reference in status.images.items():
        images.add_row(name, reference)
    console.print(images)
    checked = any(node.gpu_check for node in status.nodes)
    nodes = _table("node", "state", "GPUs used", "GPU check" if checked else "")
    for node in status.nodes:
        kind = "[yellow]simulated[/]" if node.simulated else "real"
        gpus = f"{node.gpus_used}/{node.gpus} {node.gpu_model}" if node.gpus else ""
        state = f"{_coloured('ready' if node.ready else 'not ready')}, {kind}"
        nodes.add_row(node.name, state, gpus, _coloured(escape(node.gpu_check)))
    console.print(nodes)
    if status.shadows:
        _print_shadows(status.shadows)
    if status.usage is not None:
        _print_usage(status.usage)
    waiting = [row.name for rows in status.workloads.values() for row in rows if row.state.startswith(_WAITING)]
    if waiting:
        console.print(f"why it waits: make status JOB={escape(waiting[0])}")
    console.print(f"[bold]registry[/]  {status.registry}    [bold]tracking[/]  {status.tracking}")
    if status.unseen:
        console.print(f"[yellow]![/] {escape(status.unseen)}")
    for name in status.crashed:
        console.print(f"[bold red]crashed[/]  {name}, log {machine.log_of(name)}; `make up` starts it again")


def _print_shadows(found: Shadows) -> None:
    """Of each output, how many answers of the last hour are as the endpoint's."""
    table = _table("mirrored", "version", "output", "same answers, last hour")
    for canary, versions in found.items():
        for version, outputs in versions.items():
            for output, answers in outputs.items():
                table.add_row(escape(canary), escape(version), escape(output), _share(answers))
    console.print(table)


def _share(answers: Answers) -> str:
    return f"{answers.same / answers.compared:.1%} of {answers.compared:,.0f}" if answers.compared else "none"


def _print_usage(found: Usage) -> None:
    """Of each resource, the hours that pods requested, and the part that they did not use."""
    if found.missing:
        console.print(f"[yellow]![/] usage by team is not known: {escape(found.missing)}")
        return
    table = _table(f"last {found.seconds / 86_400:.3g} days", "CPU core hours", "memory GiB hours", "GPU hours")
    for team, held in found.teams.items():
        table.add_row(escape(team), *(f"{each.requested:,.1f}, idle {each.idle:,.1f}" for each in held.values()))
    console.print(table)


def _table(*columns: str) -> Table:
    table = Table(*columns, box=None, padding=(0, 2, 0, 0), header_style="bold", expand=False)
    for column in table.columns:
        column.overflow = "fold"
    return table


def _coloured(state: str) -> str:
    if state == "ready" or state.startswith(("succeeded", "passed")):
        return f"[green]{state}[/]"
    if state.endswith(" ready") and state != "not ready":
        return f"[{'green' if _all_ready(state) else 'red'}]{state}[/]"
    is_bad = state in ("missing", "not ready") or state.startswith(("failed", "stopped"))
    return f"[red]{state}[/]" if is_bad else state


def _all_ready(state: str) -> bool:
    ready, _, wanted = state.split()[0].partition("/")
    return ready == wanted


def _short(reference: str) -> str:
    """An image's name with a shortened digest."""
    name, _, digest = reference.rpartition("@sha256:")
    return f"{name.rpartition('/')[2]}@{digest[:12]}" if name else reference
