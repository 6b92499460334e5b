"""Jobs that never begin, that try again, that have given up, or that run and get nowhere."""

from __future__ import annotations

from infra.catalogue.alerts.alert import HOUR, MINUTE, OF_NAMESPACE, Alert

_BY = "namespace, job_name"
_FAILED = f'max by ({_BY}) (kube_job_status_failed{{reason=""}})'
_ACTIVE = f"max by ({_BY}) (kube_job_status_active)"
_OVER = (
    'kube_job_complete{condition="true"} == 1 or kube_job_failed{condition="true"} == 1 '
    "or kube_job_status_suspended == 1"
)
_ITS_PODS = "kube_pod_info{namespace=%[1]q,created_by_name=%[2]q,"
_NEVER_PLACED = f'last_over_time({_ITS_PODS}node=""}}[1d]) unless on (pod) last_over_time({_ITS_PODS}node!=""}}[1d])'
"""A pod without a place goes with its job; that it had none is known only from before."""

ALERTS = (
    Alert(
        "JobRefused",
        f"{_ACTIVE} == 0 unless on ({_BY}) ({_FAILED} > 0 or {_OVER})",
        "job {{ $labels.job_name }} gets no pod: a quota or an admission rule refuses it",
        after=2 * MINUTE,
        team=OF_NAMESPACE,
    ),
    Alert(
        "JobRetried",
        # By default a job has one retry: whoever waits for a second failure hears of it when all is over.
        f"{_FAILED} > 0 and on ({_BY}) {_ACTIVE} > 0",
        "job {{ $labels.job_name }} has failed {{ $value }} times and tries again",
        after=0,
        team=OF_NAMESPACE,
    ),
    Alert(
        "JobFailed",
        f'max by ({_BY}, reason) (kube_job_status_failed{{reason!=""}}) == 1 '
        f'or on ({_BY}) max by ({_BY}) (kube_job_failed{{condition="true"}}) == 1',
        "job {{ $labels.job_name }} has given up{{ with $labels.reason }}: {{ . }}{{ end }}"
        f"{{{{ with printf `{_NEVER_PLACED}` $labels.namespace $labels.job_name | query }}}}; "
        "a pod of it was never placed{{ end }}",
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
