"""Alerts on Jobs: a long wait, no pod, retries, failure, and training that makes no progress."""

from __future__ import annotations

from infra.catalogue.alerts.alert import HOUR, MINUTE, OF_NAMESPACE, THRESHOLD, Alert, Threshold

_BY = "namespace, job_name"
_FAILED = f'max by ({_BY}) (kube_job_status_failed{{reason=""}})'
_ACTIVE = f"max by ({_BY}) (kube_job_status_active)"
_FINISHED = 'kube_job_complete{condition="true"} == 1 or kube_job_failed{condition="true"} == 1'
_FINISHED_OR_SUSPENDED = f"{_FINISHED} or kube_job_status_suspended == 1"
_ITS_PODS = "kube_pod_info{namespace=%[1]q,created_by_name=%[2]q,"
_NEVER_SCHEDULED = f'last_over_time({_ITS_PODS}node=""}}[1d]) unless on (pod) last_over_time({_ITS_PODS}node!=""}}[1d])'
"""Looks back a day: a pod that was never scheduled is deleted together with its failed job."""

ALERTS = (
    Alert(
        "JobQueued",
        f"max by ({_BY}) (kube_job_status_suspended) == 1 unless on ({_BY}) ({_FINISHED})",
        "job {{ $labels.job_name }} waits in its queue, or somebody has suspended it: "
        "make status JOB={{ $labels.job_name }}",
        for_=4 * HOUR,
        team=OF_NAMESPACE,
    ),
    Alert(
        "JobRefused",
        f"{_ACTIVE} == 0 unless on ({_BY}) ({_FAILED} > 0 or {_FINISHED_OR_SUSPENDED})",
        "job {{ $labels.job_name }} has no pod: a quota or an admission policy rejects it",
        for_=2 * MINUTE,
        team=OF_NAMESPACE,
    ),
    Alert(
        "JobRetried",
        # Jobs have one retry by default: waiting for a second failure would be too late.
        f"{_FAILED} >= {THRESHOLD} and on ({_BY}) {_ACTIVE} > 0",
        "job {{ $labels.job_name }} has failed {{ $value }} times and is retrying",
        for_=0,
        team=OF_NAMESPACE,
        threshold=Threshold(1, "count", "failed pods of a job that still runs"),
    ),
    Alert(
        "JobFailed",
        f'max by ({_BY}, reason) (kube_job_status_failed{{reason!=""}}) == 1 '
        f'or on ({_BY}) max by ({_BY}) (kube_job_failed{{condition="true"}}) == 1',
        "job {{ $labels.job_name }} has failed{{ with $labels.reason }}: {{ . }}{{ end }}"
        f"{{{{ with printf `{_NEVER_SCHEDULED}` $labels.namespace $labels.job_name | query }}}}; "
        "one of its pods was never scheduled{{ end }}",
        for_=0,
        team=OF_NAMESPACE,
    ),
    Alert(
        "TrainingStalled",
        f"max by ({_BY}) (changes(training_progress_ratio[5m]) + (training_progress_ratio >= bool 1)) == 0",
        "job {{ $labels.job_name }} is running but its progress does not change",
        for_=HOUR,
        team=OF_NAMESPACE,
    ),
    Alert(
        "TrainingDiverged",
        f"count by ({_BY}) (training_loss != training_loss or abs(training_loss) == Inf) > 0",
        "the loss of job {{ $labels.job_name }} is NaN or infinite",
        for_=0,
        team=OF_NAMESPACE,
    ),
)
