"""The alert on runs whose GPUs are idle, by what each job declares.

Since when a run is idle is recorded, because the `for` of a rule is the same for all series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.catalogue.alerts.alert import OF_NAMESPACE, Alert, Recording
from infra.catalogue.metrics import IDLE_BELOW, IDLE_FOR, IDLE_SINCE, RUN_GPUS, RUN_IDLE_GPUS

_JOB = "namespace, component, workload"
"""What is declared: the name of a job and the component label of its pods."""
_RUN = f"{_JOB}, job_name"
_POD = "namespace, pod"
_PHASE = "kube_pod_status_phase{phase"
_REQUESTED = (
    f'sum by ({_POD}) (max by ({_POD}, container) (kube_pod_container_resource_requests{{resource="nvidia_com_gpu"}}))'
)
_LABELLED = (
    f"max by ({_POD}, component, workload) (label_replace(label_replace(kube_pod_labels, "
    '"component", "$1", "label_app_kubernetes_io_component", "(.+)"), '
    '"workload", "$1", "label_app_kubernetes_io_name", "(.+)"))'
)
_OWNED = (
    f'(max by ({_POD}, job_name) (label_replace(kube_pod_labels{{label_jobset_sigs_k8s_io_jobset_name!=""}}, '
    '"job_name", "$1", "label_jobset_sigs_k8s_io_jobset_name", "(.+)")) '
    f'or on ({_POD}) max by ({_POD}, job_name) (label_replace(kube_pod_info{{created_by_kind="Job"}}, '
    '"job_name", "$1", "created_by_name", "(.+)")))'
)
"""By the name of the Job, or of several workers by that of their JobSet."""
_OF_RUN = f"on ({_POD}) group_left (component, workload, job_name) 0 * {RUN_GPUS}"
_USED = f'max by ({_POD}, node, gpu, UUID) (DCGM_FI_DEV_GPU_UTIL{{pod!=""}})'
_STARTED = f"max by ({_RUN}) (max by ({_POD}) (kube_pod_container_state_started) + {_OF_RUN})"
_HELD = f"{RUN_GPUS}{{namespace=%q,job_name=%q}}"


@dataclass(frozen=True)
class IdleLimit:
    """What a job declares; `below` is in percent, `for_` in seconds, and `then` a label of the alert."""

    namespace: str
    component: str
    workload: str
    below: float
    for_: int
    then: str

    def recordings(self) -> Sequence[Recording]:
        labels = (("namespace", self.namespace), ("component", self.component), ("workload", self.workload))
        return (
            Recording(IDLE_BELOW, f"vector({self.below:.10g})", labels),
            Recording(IDLE_FOR, f"vector({self.for_})", (*labels, ("then", self.then))),
        )


RECORDINGS = (
    Recording(
        RUN_GPUS,
        f"{_REQUESTED} + on ({_POD}) group_left (component, workload) 0 * {_LABELLED} "
        f"+ on ({_POD}) group_left (job_name) 0 * {_OWNED} "
        f'and on ({_POD}) {_PHASE}=~"Pending|Running"}} == 1 and on ({_JOB}) {IDLE_FOR}',
    ),
    Recording(
        # Fewer than the run has: a pod does not run, or a GPU is used, or it is not measured.
        RUN_IDLE_GPUS,
        f'count by ({_RUN}) (({_USED} + {_OF_RUN} and on ({_POD}) {_PHASE}="Running"}} == 1) '
        f"< on ({_JOB}) group_left () {IDLE_BELOW}) == sum by ({_RUN}) ({RUN_GPUS})",
    ),
    Recording(
        IDLE_SINCE,
        f"{IDLE_SINCE} >= on ({_RUN}) {_STARTED} and on ({_RUN}) {RUN_IDLE_GPUS} or 0 * {RUN_IDLE_GPUS} + time()",
    ),
)
"""In order: each uses those before."""

ALERTS = (
    Alert(
        "RunIdle",
        f"{IDLE_SINCE} <= on ({_JOB}) group_left (then) (time() - {IDLE_FOR})",
        "run {{ $labels.job_name }} of team {{ $labels.namespace }}'s {{ $labels.component }} job "
        "{{ $labels.workload }} has not used its GPUs since {{ $value | humanizeTimestamp }}"
        "{{ if eq $labels.then `stop` }} and is stopped{{ end }}:"
        f"{{{{ range printf `{_HELD}` $labels.namespace $labels.job_name | query | sortByLabel `pod` }}}}"
        " pod {{ .Labels.pod }} holds {{ .Value }}{{ end }}",
        for_=0,
        team=OF_NAMESPACE,
        configured_by="training.<name>.idle",
    ),
)
