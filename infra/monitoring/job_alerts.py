"""Jobs that try too often, that have given up, or that run and get nowhere."""

from __future__ import annotations

from infra.monitoring.alert import HOUR, OF_NAMESPACE, Alert

_TOO_OFTEN = 2
_BY = "namespace, job_name"

ALERTS = (
    Alert(
        "JobRetriedOften",
        f'kube_job_status_failed{{reason=""}} >= {_TOO_OFTEN} and on (namespace, job_name) kube_job_status_active > 0',
        "job {{ $labels.job_name }} has failed {{ $value }} times and tries again",
        after=0,
        team=OF_NAMESPACE,
    ),
    Alert(
        "JobFailed",
        'kube_job_status_failed{reason!=""} == 1 or on (namespace, job_name) kube_job_failed{condition="true"} == 1',
        "job {{ $labels.job_name }} has given up{{ with $labels.reason }}: {{ . }}{{ end }}",
        after=0,
        team=OF_NAMESPACE,
    ),
    Alert(
        "TrainingStalled",
        f"max by ({_BY}) (changes(training_progress_ratio[5m]) + (training_progress_ratio >= bool 1)) == 0",
        "job {{ $labels.job_name }} runs and has got no further for an hour",
        after=HOUR,
        team=OF_NAMESPACE,
    ),
    Alert(
        "TrainingDiverged",
        f"count by ({_BY}) (training_loss != training_loss or abs(training_loss) == Inf) > 0",
        "the loss of job {{ $labels.job_name }} is no number any more",
        after=0,
        team=OF_NAMESPACE,
    ),
)
