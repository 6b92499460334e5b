"""Jobs: running, pending, finished and failed."""

from infra.observability.dashboards.panel import Dashboard, Panel, stat

_JOB = "{{namespace}}/{{job_name}}"
_BY = "namespace, job_name"
_RUNS = f"(max by ({_BY}) (kube_job_status_active) > bool 0)"
"""1 while the job is active, else 0."""
_SINCE = f"(time() - max by ({_BY}) (kube_job_status_start_time))"

TRAINING = Dashboard(
    "ml-platform-training",
    "Training runs",
    "All Jobs in the teams' namespaces, declared or created by hand.",
    [
        stat(
            "Jobs active",
            "sum(kube_job_status_active > bool 0) or vector(0)",
            "Jobs with at least one pending or running pod.",
        ),
        stat(
            "Jobs complete",
            'sum(kube_job_complete{condition="true"}) or vector(0)',
            "Completed Jobs that are not deleted yet.",
        ),
        stat(
            "Jobs failed",
            'sum(kube_job_failed{condition="true"}) or vector(0)',
            "Jobs that failed for good: retries or deadline exhausted.",
        ),
        stat(
            "Pods unschedulable",
            "sum(kube_pod_status_unschedulable) or vector(0)",
            "Pods for which the scheduler finds no node.",
        ),
        Panel(
            "Progress",
            "percentunit",
            {_JOB: f"max by ({_BY}) (training_progress_ratio)"},
            "The completed part of each running job, as the job reports it.",
            whole=1,
        ),
        Panel(
            "Loss",
            "short",
            {f"{_JOB} {{{{split}}}}": f"min by ({_BY}, split) (training_loss)"},
            "The loss that running jobs report, by split.",
        ),
        Panel(
            "Samples per second",
            "short",
            {_JOB: f"sum by ({_BY}) (training_samples_per_second)"},
            "Training throughput, summed over the pods of each job.",
        ),
        Panel(
            "Pods active",
            "short",
            {"{{namespace}}": "sum by (namespace) (kube_job_status_active)"},
            "Active pods of Jobs, by team.",
        ),
        Panel(
            "Running time",
            "s",
            {_JOB: f"{_SINCE} * {_RUNS}"},
            "Since the job started; 0 when it is not active.",
        ),
        Panel(
            "Failed pods",
            "short",
            {_JOB: f"sum by ({_BY}) (kube_job_status_failed)"},
            "Failed attempts of each job.",
            kind="bars",
        ),
    ],
)
