"""`make run JOB=name`: starts a declared batch job now, or a training run again that the platform has stopped."""

import secrets
from collections.abc import Mapping
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli import preflight, queues, run_state, stack, status
from common.console import console
from common.errors import CommandError
from infra.declaration.problems import suggestion

_TRAINING = "training/"
"""Before the name of a training job, if a batch job has the same."""


def start(name: str, job: str) -> int:
    """The exit code."""
    declared = preflight.declaration(name)
    outputs = stack.outputs(name) if stack.exists(name) else {}
    batch, training = outputs.get("batch", {}), outputs.get("jobs", {})
    run = job.removeprefix(_TRAINING)
    if job not in batch and run not in training:
        near = suggestion(job, [*batch, *training])
        raise CommandError(f"stack {name} has no job '{job}'{near}", hint=f"run `make up STACK={name}` first")
    api = status.cluster_api(name, declared)
    try:
        console.print(_start(api, name, job, batch[job]) if job in batch else _resume(api, name, run, training[run]))
    except ApiException as error:
        raise CommandError(f"job {job} can't be started", f"{error.status}: {error.reason}") from None
    except HTTPError as error:
        raise CommandError("the cluster does not answer", str(error)) from None
    return 0


def _start(api: client.ApiClient, stack_name: str, job: str, output: Mapping[str, Any]) -> str:
    """Create a Job from the CronJob, as `kubectl create job --from` does; what was started."""
    namespace, cron_job = output["namespace"], output["cron_job"]
    batch = client.BatchV1Api(api)
    run = f"{cron_job}-{secrets.token_hex(4)}"
    template = batch.read_namespaced_cron_job(cron_job, namespace)
    active = status.active_runs(api, template)
    if active and template.spec.concurrency_policy != "Allow":
        raise CommandError(f"batch job {job} is active already", f"{', '.join(active)} in namespace {namespace}")
    batch.create_namespaced_job(namespace, job_from(template, run))
    return (
        f"started [bold]{namespace}/{run}[/]; in `make shell STACK={stack_name}`: "
        f"kubectl -n {namespace} logs -f job/{run}"
    )


def _resume(api: client.ApiClient, stack_name: str, training: str, output: Mapping[str, Any]) -> str:
    """Return a stopped run to its queue; which it was."""
    uid = run_state.uid(api, output)
    if uid is None or not queues.resume(api, output["namespace"], uid):
        raise CommandError(
            f"training job {training} is not stopped",
            "a training job runs when it is declared, and again when its 'revision' is raised",
            hint=f"`make status STACK={stack_name}` shows its state",
        )
    run = output.get("job_set") or output["job"]
    return (
        f"[bold]{output['namespace']}/{run}[/] waits in its queue again, and resumes from its checkpoint if it has one"
    )


def job_from(cron_job: client.V1CronJob, run: str) -> client.V1Job:
    """Owned by the CronJob, so that its history limits count and its deletion deletes the run."""
    owner = client.V1OwnerReference(
        api_version="batch/v1",
        kind="CronJob",
        name=cron_job.metadata.name,
        uid=cron_job.metadata.uid,
        controller=True,
    )
    template = cron_job.spec.job_template
    return client.V1Job(
        metadata=client.V1ObjectMeta(
            name=run,
            labels=template.metadata.labels,
            annotations={"cronjob.kubernetes.io/instantiate": "manual"},
            owner_references=[owner],
        ),
        spec=template.spec,
    )
