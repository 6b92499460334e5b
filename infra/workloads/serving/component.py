"""An endpoint that serves a model's champion, whichever version that is, or a fixed one.

Neither another champion nor a rollout loses a request, unless the rollout may not start a pod before it ends one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import ProbeArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from infra.catalogue.names import DOMAIN, PROJECT
from infra.declaration.types import memory_bytes
from infra.foundation import Placement
from infra.images import BuiltImage
from infra.networking.gateway import Listener
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import ACCEPTED, TeamSecret
from infra.workloads.access import Access
from infra.workloads.deployment import DeploymentFactory, probe
from infra.workloads.pod import (
    Container,
    pod_template,
    secret_folder,
    secret_mounts,
    tracking_env,
    tracking_mounts,
)
from infra.workloads.runtime import Runtime
from infra.workloads.serving.route import RouteArgs, route
from infra.workloads.serving.settings import Serving as Settings

PORT = 8080
CHAMPION = "champion"
"""The registry's alias for the version to serve. Training moves it, servers follow."""

_COMPONENT: Final = "serving"
_GRACE_SECONDS = 40
"""The server drains: it accepts requests until all proxies have removed its endpoint, then finishes open ones."""


class Endpoint(TypedDict):
    """How to reach an endpoint within the cluster."""

    namespace: str
    service: str
    port: int
    model: str
    version: NotRequired[int]
    """If it is fixed."""
    api_key: pulumi.Output[str] | None
    url: NotRequired[str]
    """From outside the cluster."""
    callers: NotRequired[dict[str, pulumi.Output[str]]]
    """The keys of those who call it through the gateway."""


@dataclass(frozen=True)
class ServingArgs:
    settings: Settings
    image: BuiltImage
    workspace: Workspace
    access: Access
    secrets: Sequence[TeamSecret]
    api_key: TeamSecret | None
    placement: Placement | None
    callers: Sequence[TeamSecret] = ()
    """Who may call it through the gateway."""
    listener: Listener | None = None
    """None: no gateway is declared."""


class Serving(pulumi.ComponentResource):
    """A Deployment and a Service, both named after the endpoint."""

    namespace: str
    service: str
    model: str
    api_key: pulumi.Output[str] | None
    url: str | None
    """For callers outside the cluster; None: there is none."""

    def __init__(self, name: str, args: ServingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Serving", name, None, opts)
        self._args = args
        self._server = DeploymentFactory(name, _COMPONENT, args.workspace, self)
        self.namespace, self.service, self.model = args.workspace.namespace, name, args.settings.model
        key = [args.api_key] if args.api_key else []
        self._read = list({secret.name: secret for secret in [*args.secrets, *key]}.values())
        self.api_key = args.api_key.value if args.api_key else None
        deployment = self._deployment()
        self._server.service(PORT, after=deployment)
        self.url = self._route(args, [deployment]) if args.listener and args.settings.expose else None
        if args.settings.replicas > 1:
            self._disruption_budget()
        self.register_outputs({"service": self.service})

    @property
    def output(self) -> Endpoint:
        """For the stack's outputs."""
        endpoint = Endpoint(
            namespace=self.namespace, service=self.service, port=PORT, model=self.model, api_key=self.api_key
        )
        version = self._args.settings.version
        if version is not None:
            endpoint["version"] = version
        if self.url is not None:
            endpoint["url"] = self.url
            endpoint["callers"] = {caller.name: caller.value for caller in self._args.callers}
        return endpoint

    def _deployment(self) -> pulumi.Resource:
        args, settings = self._args, self._args.settings
        account = args.access.create(self)
        template = pod_template(
            self._container(),
            args.workspace,
            account=args.access.account,
            labels=self._server.labels,
            annotations=self._roll_on(),
            grace_seconds=_GRACE_SECONDS,
            placement=args.placement,
            purpose=_COMPONENT,
            spread=self._server.selector if settings.replicas > 1 else None,
        )
        nodes = list(args.placement.ready) if args.placement else []
        after = [*account, *nodes, *(secret.ready for secret in self._read)]
        return self._server.deployment(
            template, after, replicas=settings.replicas, max_surge=settings.max_surge, timeout=settings.timeout
        )

    def _roll_on(self) -> dict[str, pulumi.Input[str]]:
        """What pods read only at start: the tracking login, secrets."""
        credentials = self._args.workspace.credentials_fingerprint
        return {
            **({f"{DOMAIN}/credentials": credentials} if credentials is not None else {}),
            **{f"secret.{DOMAIN}/{secret.name}": secret.fingerprint for secret in self._read},
            **self._args.access.roll_on,
        }

    def _container(self) -> Container:
        args, version = self._args, self._args.settings.version
        return Container(
            name=_COMPONENT,
            image=args.image.reference,
            resources=args.settings.resources,
            env={
                **tracking_env(args.workspace),
                "MODEL_NAME": self.model,
                "MODEL_URI": f"models:/{self.model}{f'/{version}' if version else f'@{CHAMPION}'}",
                "MAX_REQUEST_BYTES": str(memory_bytes(args.settings.max_request_size)),
                "MAX_CONCURRENT_REQUESTS": str(args.settings.max_concurrent_requests),
                **({"API_KEYS_FILE": f"{secret_folder(args.api_key.name)}/{ACCEPTED}"} if args.api_key else {}),
                **args.access.env,
            },
            gpus=args.settings.gpus,
            ports={"http": PORT},
            mounts=[*tracking_mounts(args.workspace), *secret_mounts(self._read), *args.access.mounts],
            startup_probe=_probe("live", period=1, failures=60),
            readiness_probe=_probe("ready", period=2, failures=2),
            liveness_probe=_probe("live", period=10, failures=3),
        )

    def _route(self, args: ServingArgs, after: Sequence[pulumi.Resource]) -> str:
        assert args.listener is not None and args.settings.expose is not None
        to = RouteArgs(
            settings=args.settings.expose,
            listener=args.listener,
            workspace=args.workspace,
            service=self.service,
            port=PORT,
            pods=self._server.selector,
            callers=args.callers,
            max_request_bytes=memory_bytes(args.settings.max_request_size),
        )
        return route(to, self, after)

    def _disruption_budget(self) -> None:
        kubernetes.policy.v1.PodDisruptionBudget(
            self.service,
            metadata=self._server.metadata,
            spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=LabelSelectorArgs(match_labels=self._server.selector)
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._args.workspace]),
        )


def _probe(state: str, period: int, failures: int) -> ProbeArgs:
    return probe(f"/v2/health/{state}", period=period, failures=failures, timeout=2)


def create(name: str, settings: Settings, runtime: Runtime, opts: pulumi.ResourceOptions) -> Serving:
    """A declared endpoint."""
    args = ServingArgs(
        settings=settings,
        image=runtime.image(settings),
        workspace=runtime.workspace(settings),
        access=runtime.access(_COMPONENT, name, settings),
        secrets=runtime.mounted(settings),
        api_key=runtime.secrets[settings.api_key] if settings.api_key else None,
        placement=runtime.placement(settings.pool),
        callers=[runtime.secrets[caller] for caller in settings.expose.callers] if settings.expose else [],
        listener=runtime.listener,
    )
    return Serving(name, args, opts)
