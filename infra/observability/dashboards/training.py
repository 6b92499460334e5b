"""Jobs: which run, which wait, and which have failed."""

from infra.observability.dashboards.panel import Dashboard, Panel, stat

_JOB = "{{namespace}}/{{job_name}}"
_BY = "namespace, job_name"
_RUNS = f"(max by ({_BY}) (kube_job_status_active) > bool 0)"
"""1 while it does, 0 before and after."""
_SINCE = f"(time() - max by ({_BY}) (kube_job_status_start_time))"

TRAINING = Dashboard(
    "ml-platform-training",
    "Training runs",
    "Every Job in the teams' namespaces, declared or made by hand.",
    [
        stat(
            "Jobs at work",
            "sum(kube_job_status_active > bool 0) or vector(0)",
            "With at least one pod that waits or runs.",
        ),
        stat("Jobs done", 'sum(kube_job_complete{condition="true"}) or vector(0)', "That are still kept."),
        stat("Jobs failed", 'sum(kube_job_failed{condition="true"}) or vector(0)', "Given up for good."),
        stat(
            "Pods without a place",
            "sum(kube_pod_status_unschedulable) or vector(0)",
            "The scheduler finds no node for them.",
        ),
        Panel(
            "Progress",
            "percentunit",
            {_JOB: f"max by ({_BY}) (training_progress_ratio)"},
            "The part of a running job that is done, as it tells itself.",
            whole=1,
        ),
        Panel(
            "Loss",
            "short",
            {f"{_JOB} {{{{split}}}}": f"min by ({_BY}, split) (training_loss)"},
            "How far models are off while they are trained, as running jobs tell it.",
        ),
        Panel(
            "Samples a second",
            "short",
            {_JOB: f"sum by ({_BY}) (training_samples_per_second)"},
            "That running jobs learn from, all pods of a job together.",
        ),
        Panel(
            "Pods at work",
            "short",
            {"{{namespace}}": "sum by (namespace) (kube_job_status_active)"},
            "Of jobs, by team.",
        ),
        Panel(
            "Running for",
            "s",
            {_JOB: f"{_SINCE} * {_RUNS}"},
            "Since a job began; 0 when it has ended.",
        ),
        Panel(
            "Deadline used",
            "percentunit",
            {_JOB: f"{_SINCE} * {_RUNS} / max by ({_BY}) (kube_job_spec_active_deadline_seconds)"},
            "At 100 % a job is ended, whatever it has reached.",
            kind="bars",
            whole=1,
        ),
        Panel(
            "Failed attempts",
            "short",
            {_JOB: f"sum by ({_BY}) (kube_job_status_failed)"},
            "Pods of a job that ended in failure.",
            kind="bars",
        ),
    ],
)
