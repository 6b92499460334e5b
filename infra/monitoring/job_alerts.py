"""Jobs that try too often, or that have given up."""

from __future__ import annotations

from infra.monitoring.alert import OF_NAMESPACE, Alert

_TOO_OFTEN = 2

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
)
