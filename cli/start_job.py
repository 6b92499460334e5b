"""`make run JOB=name`: starts a declared batch job now."""

import secrets

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli import preflight, stack, status
from common.console import console
from common.errors import CommandError
from infra.declaration.problems import suggestion


def start(name: str, job: str) -> int:
    """Create a Job from the CronJob, as `kubectl create job --from` does; the exit code."""
    declared = preflight.declaration(name)
    known = stack.outputs(name).get("batch", {}) if stack.exists(name) else {}
    if job not in known:
        raise CommandError(
            f"stack {name} has no batch job '{job}'{suggestion(job, known)}", hint=f"run `make up STACK={name}` first"
        )
    namespace, cron_job = known[job]["namespace"], known[job]["cron_job"]
    api = status.cluster_api(name, declared)
    batch = client.BatchV1Api(api)
    run = f"{cron_job}-{secrets.token_hex(4)}"
    try:
        template = batch.read_namespaced_cron_job(cron_job, namespace)
        active = status.active_runs(api, template)
        if active and template.spec.concurrency_policy != "Allow":
            raise CommandError(f"batch job {job} is active already", f"{', '.join(active)} in namespace {namespace}")
        batch.create_namespaced_job(namespace, job_from(template, run))
    except ApiException as error:
        raise CommandError(f"batch job {job} can't be started", f"{error.status}: {error.reason}") from None
    except HTTPError as error:
        raise CommandError("the cluster does not answer", str(error)) from None
    console.print(
        f"started [bold]{namespace}/{run}[/]; in `make shell STACK={name}`: kubectl -n {namespace} logs -f job/{run}"
    )
    return 0


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
