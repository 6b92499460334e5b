"""Which component of the platform a planned resource belongs to, by the types of its parents."""

from collections.abc import Mapping
from typing import Any

from common.pulumi import urn_name, urn_type
from infra.catalogue.names import PROJECT
from infra.cost.items import SYSTEM_POOL, pool_component

STACK = "providers"
"""Resources without a component."""

COMPONENTS: Mapping[str, tuple[str, str]] = {
    STACK: (STACK, "Pulumi's stack and providers"),
    "Aws": ("foundation", "providers, and what the cluster needs first"),
    "AwsBoundary": ("IAM boundary", "the most that any role of the stack may do"),
    "AwsKeys": ("keys", "encryption keys, one for each purpose"),
    "AwsNetwork": ("network", "VPC, subnets, ways out, endpoints of AWS services"),
    "AwsEndpoints": ("network", ""),
    "AwsCluster": ("cluster", "EKS in Auto Mode, and who may use it"),
    "AwsSystemPool": (SYSTEM_POOL, "nodes of everything that names no pool"),
    "AwsElasticPool": ("pool", "nodes of the jobs and endpoints that name it"),
    "AwsFixedPool": ("pool", ""),
    "AwsDatabase": ("database", "PostgreSQL of the tracking server"),
    "AwsArtifactStore": ("storage", "files of runs and models"),
    "AwsDatasetEndpoint": ("storage", ""),
    "AwsBackup": ("backups", "copies in a second region"),
    "AwsRegistry": ("registry", "the private image registry"),
    "AwsMetricsStore": ("metrics store", "Amazon Managed Prometheus"),
    "AwsTopics": ("alert topics", "SNS topics for receivers of alerts"),
    "AwsGrafanaWorkspace": ("Grafana", "Amazon Managed Grafana"),
    "AwsCi": ("pipeline", "IAM roles of the pipeline"),
    "AwsRole": ("foundation", ""),
    "Local": ("foundation", ""),
    "LocalRegistry": ("registry", ""),
    "LocalObjectStore": ("datasets", "objects that jobs and endpoints read"),
    "SimulatedPool": ("node pools", "simulated nodes"),
    "Cluster": ("foundation", ""),
    "Images": ("images", "built from images/, deployed by digest"),
    "Tracking": ("tracking", "MLflow: experiments and the model registry"),
    "TrackingLogins": ("tracking", ""),
    "GeneratedPassword": ("passwords", "generated passwords"),
    "Monitoring": ("monitoring", "Prometheus, Alertmanager, exporters"),
    "Logs": ("logs", "log store, collector, proxy for readers"),
    "DashboardFiles": ("dashboards", "declared once, for the status page and Grafana"),
    "DashboardDelivery": ("dashboards", ""),
    "Grafana": ("Grafana", "deployed by the platform"),
    "StatusPage": ("status page", "state of endpoints, jobs, pools, alerts"),
    "Admission": ("admission", "pod rules that the cluster enforces"),
    "Priorities": ("priorities", "which pods go first"),
    "Workspace": ("teams", "namespace, RBAC, quota, network policies of each team"),
    "TeamSecrets": ("secrets", "the teams' secrets"),
    "Devices": ("GPUs", "agents on GPU nodes, checks"),
    "DevicePlugins": ("device plugins", "NVIDIA's, for nodes that bring none"),
    "GpuChecks": ("GPUs", ""),
    "JobSetDefinition": ("job sets", ""),
    "JobSets": ("job sets", "the controller of jobs with several workers"),
    "QueueController": ("queues", "Kueue, and the quota of each team's queue"),
    "Quotas": ("queues", ""),
    "LocalQueues": ("queues", ""),
    "Gateway": ("gateway", "the way in: the Gateway, and Envoy Gateway unless the cluster has one"),
    "GatewayDefinitions": ("gateway", ""),
    "Autoscaler": ("autoscaler", "as many pods of endpoints as their requests need"),
    "Responder": ("responders", "stop idle runs and roll canaries back, while an alert on them fires"),
    "Training": ("training", "training jobs"),
    "Batch": ("batch", "batch jobs"),
    "Serving": ("serving", "endpoints"),
}
"""By the last part of a component's type: its name, and what it is for. Some share a name."""

_POOLS = ("AwsElasticPool", "AwsFixedPool")
_FOUNDATIONS = {f"{PROJECT}:foundation:{name}" for name in ("Aws", "Local", "Cluster")}


def component(step: Mapping[str, Any]) -> str:
    """The name of a step's component."""
    chain = step["urn"].split("::", 3)[2].split("$")
    own = [kind for kind in chain if kind.startswith(f"{PROJECT}:")]
    inner = [kind for kind in own if kind not in _FOUNDATIONS] or own
    kind = inner[0].rpartition(":")[2] if inner else STACK
    name = COMPONENTS[kind][0] if kind in COMPONENTS else kind
    # A pool of fixed size has objects with a suffix; no pool's name has a dot.
    return pool_component(urn_name(step["urn"]).partition(".")[0]) if kind in _POOLS else name


def purpose(name: str) -> str:
    """What a component is for."""
    known = "pool" if name.startswith(pool_component("")) else name
    return next((what for named, what in COMPONENTS.values() if named == known), "")


def is_component(step: Mapping[str, Any]) -> bool:
    """Whether the step only groups other resources."""
    return not step["custom"] or urn_type(step["urn"]) == "pulumi:pulumi:Stack"
