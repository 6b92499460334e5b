"""Kueue's controller, with its definitions, its webhooks and its rights, in a namespace of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
import yaml
from pulumi_kubernetes.core.v1 import SecretVolumeSourceArgs, ServicePortArgs, ServiceSpecArgs, VolumeArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import DOMAIN, PROJECT, fingerprint, labels
from infra.declaration.queues import Queues
from infra.declaration.workloads import Resources
from infra.images import BuiltImage
from infra.job_sets.definition import JobSetDefinition
from infra.queues import configuration as kueue
from infra.queues.access import account, manage_jobs
from infra.queues.admission import QUEUED
from infra.queues.configuration import MUTATING, NAME, VALIDATING
from infra.queues.definitions import definitions
from infra.queues.webhooks import mutating, validating
from infra.tenancy import Workspace
from infra.tenancy.team_admission import enforce
from infra.workloads.api_access import token_mount
from infra.workloads.deployment import DeploymentFactory, probe
from infra.workloads.pod import Container, Mount, config_mount, pod_template

_COMPONENT = "queues"
_CONFIG_FOLDER, _CONFIG_FILE = "/etc/kueue", "configuration.yaml"
_FIRST_START = 300
"""Seconds: the kubelet takes up to two minutes to bring the certificate that the controller has just made."""
_UNTIL_REACHED = 5
"""Seconds that every node knows of a ready pod: the next resources are checked by its webhooks."""
_CA_BUNDLES = ["webhooks[*].clientConfig.caBundle"]


@dataclass(frozen=True)
class ControllerArgs:
    settings: Queues
    platform: str
    """The namespace of the platform, whose teams have queues."""
    image: BuiltImage
    workspace: Workspace
    """The controller's own."""
    uncounted: Sequence[str]
    """Resources that jobs request and no quota limits."""
    job_sets: JobSetDefinition | None = None
    """Must exist when the controller starts. It looks for the definition then, and later every few minutes only."""


class QueueController(pulumi.ComponentResource):
    """Kueue. It must exist before the first queue, and until the last one is deleted: it removes their finalizers."""

    def __init__(self, name: str, args: ControllerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:QueueController", name, None, opts)
        self._args, self._child = args, pulumi.ResourceOptions(parent=self, depends_on=[args.workspace])
        self._server = DeploymentFactory(NAME, _COMPONENT, args.workspace, self)
        service = {"name": NAME, "namespace": args.workspace.namespace}
        defined = definitions({**service, "port": 443}, pulumi.ResourceOptions(parent=self))
        rule = enforce(QUEUED, args.platform, pulumi.ResourceOptions(parent=self))
        job_sets = [args.job_sets] if args.job_sets else []
        ours = [self._service(), self._certificate(), *self._webhooks(service), *self._rights()]
        self._deployment([*job_sets, *defined, *ours, *rule])
        self.register_outputs({})

    def manage(self, team: str, opts: pulumi.ResourceOptions) -> pulumi.Resource:
        """Lets it suspend and start the jobs of one team."""
        return manage_jobs(team, self._args.workspace.namespace, self._args.platform, opts)

    def _rights(self) -> list[pulumi.Resource]:
        return account(self._args.workspace, self._args.platform, pulumi.ResourceOptions(parent=self))

    def _deployment(self, after: Sequence[pulumi.Resource]) -> None:
        args = self._args
        settings = kueue.configuration(
            args.settings, args.workspace.namespace, args.workspace.seconds_for_a_node, args.uncounted
        )
        config = self._server.config({_CONFIG_FILE: yaml.safe_dump(settings, sort_keys=False)})
        container = Container(
            name=NAME,
            image=args.image.reference,
            resources=Resources(cpu="100m", memory="256Mi"),
            args=[f"--config={_CONFIG_FOLDER}/{_CONFIG_FILE}", "--zap-log-level=2"],
            ports={"health": kueue.HEALTH_PORT, "webhook": kueue.WEBHOOK_PORT},
            mounts=[config_mount("config", NAME, _CONFIG_FOLDER), _certificates(), token_mount()],
            startup_probe=probe("/healthz", period=1, failures=60, port="health"),
            readiness_probe=probe("/readyz", period=2, failures=3, port="health"),
            liveness_probe=probe("/healthz", period=20, failures=3, port="health"),
        )
        # It reads its file and looks for the kinds of jobs once, when it starts.
        template = pod_template(
            container,
            args.workspace,
            account=NAME,
            labels=self._server.labels,
            annotations={
                f"{DOMAIN}/configuration": fingerprint(settings),
                **({f"{DOMAIN}/job-sets": "true"} if args.job_sets else {}),
            },
        )
        self._server.deployment(
            template, [config, *after], recreate=True, timeout=_FIRST_START, min_ready_seconds=_UNTIL_REACHED
        )

    def _service(self) -> pulumi.Resource:
        metadata = self._server.metadata
        metadata.annotations = {"pulumi.com/skipAwait": "true"}
        return kubernetes.core.v1.Service(
            NAME,
            metadata=metadata,
            spec=ServiceSpecArgs(
                selector=self._server.selector, ports=[ServicePortArgs(name="webhook", port=443, target_port="webhook")]
            ),
            opts=self._child,
        )

    def _certificate(self) -> pulumi.Resource:
        """Empty: the controller fills it, and renews what is in it."""
        return kubernetes.core.v1.Secret(
            NAME,
            metadata=self._server.metadata,
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(ignore_changes=["data"])),
        )

    def _webhooks(self, service: Mapping[str, str]) -> list[pulumi.Resource]:
        """The controller writes its certificate into them."""
        api, platform = kubernetes.admissionregistration.v1, self._args.platform
        found = {
            MUTATING: (api.MutatingWebhookConfiguration, mutating(platform, service)),
            VALIDATING: (api.ValidatingWebhookConfiguration, validating(platform, service)),
        }
        opts = pulumi.ResourceOptions(parent=self, ignore_changes=_CA_BUNDLES)
        return [
            kind(
                name, metadata=ObjectMetaArgs(name=name, labels=labels(NAME, _COMPONENT)), webhooks=webhooks, opts=opts
            )
            for name, (kind, webhooks) in found.items()
        ]


def _certificates() -> Mount:
    source = SecretVolumeSourceArgs(secret_name=NAME, default_mode=0o440)
    return Mount(VolumeArgs(name="certificates", secret=source), kueue.CERTIFICATES, read_only=True)
