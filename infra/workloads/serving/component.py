"""An endpoint that serves a model's champion, whichever version that is, a fixed one, or weights in a dataset.

Neither another champion nor a rollout loses a request, unless the rollout may not start a pod before it ends one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NotRequired, TypedDict

import pulumi

from infra.catalogue.names import CANARY_ANNOTATION, DOMAIN, PROJECT, ROLLBACK_WINDOW_ANNOTATION, SCALED_ANNOTATION
from infra.declaration.types import memory_bytes
from infra.foundation import Placement
from infra.images import BuiltImage
from infra.networking.gateway import Listener
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import ACCEPTED, TeamSecret
from infra.workloads.access import Access
from infra.workloads.deployment import DeploymentFactory
from infra.workloads.pod import (
    Container,
    gpu_env,
    job_env,
    pod_template,
    secret_folder,
    secret_mounts,
    tracking_env,
    tracking_mounts,
)
from infra.workloads.runtime import Runtime
from infra.workloads.serving import caller_names
from infra.workloads.serving.canary import Canary, canary_name, is_compared
from infra.workloads.serving.engines import (
    grace_seconds,
    health,
    protocol,
    refusals,
    requests_per_connection,
    startup_probe,
    variables,
)
from infra.workloads.serving.route import FORCE, Backend, RouteArgs, route
from infra.workloads.serving.scaling import Replicas
from infra.workloads.serving.settings import Serving as Settings
from infra.workloads.serving.shadow import shadow_env, stable_pods
from infra.workloads.serving.weights import Weights

PORT = 8080
CHAMPION = "champion"
"""The registry's alias for the version to serve. Training moves it, servers follow."""

_COMPONENT: Final = "serving"


class Endpoint(TypedDict):
    """How to reach an endpoint within the cluster."""

    namespace: str
    service: str
    port: int
    model: str
    engine: NotRequired[str]
    """If it is another one than MLflow's."""
    version: NotRequired[int]
    """If it is fixed."""
    weights: NotRequired[dict[str, str]]
    """If it serves weights in a dataset: which."""
    api_key: pulumi.Output[str] | None
    url: NotRequired[str]
    """From outside the cluster."""
    sleeps: NotRequired[bool]
    """If it may have no pod until a request comes."""
    canary_percent: NotRequired[int]
    """What its canary gets of the requests through the gateway."""
    callers: NotRequired[dict[str, pulumi.Output[str]]]
    """The keys of those who call it through the gateway."""


@dataclass(frozen=True)
class Release:
    """What is served at a time: the endpoint itself, or its canary."""

    name: str
    image: BuiltImage
    version: int | None
    """None: the champion, or weights."""
    weights: Weights | None
    """In a dataset; None: a version of the model."""
    access: Access
    replicas: Replicas
    max_surge: int = 1
    mirrored: bool = False
    """Whether it gets copies of requests, which do not count as usage of their callers."""


@dataclass(frozen=True)
class ServingArgs:
    settings: Settings
    stable: Release
    canary: Release | None
    workspace: Workspace
    secrets: Sequence[TeamSecret]
    api_key: TeamSecret | None
    placement: Placement | None
    callers: Sequence[TeamSecret] = ()
    """Who may call it through the gateway."""
    listener: Listener | None = None
    """None: no gateway is declared."""


class Serving(pulumi.ComponentResource):
    """A Deployment and a Service, both named after the endpoint, and others for its canary."""

    namespace: str
    service: str
    model: str
    api_key: pulumi.Output[str] | None
    url: str | None
    """For callers outside the cluster; None: there is none."""

    def __init__(self, name: str, args: ServingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Serving", name, None, opts)
        self._args = args
        self.namespace, self.service, self.model = args.workspace.namespace, name, args.settings.model_name(name)
        key = [args.api_key] if args.api_key else []
        self._read = list({secret.name: secret for secret in [*args.secrets, *key]}.values())
        self.api_key = args.api_key.value if args.api_key else None
        self._callers = [caller_names.caller_names(name, args.callers, args.workspace, self)] if args.callers else []
        if is_compared(args.settings):
            stable_pods(self._server(args.stable), PORT)
        served = [part for release in (args.stable, args.canary) if release for part in self._serve(release)]
        self.url = self._route(args, served) if args.listener and args.settings.expose else None
        self.register_outputs({"service": self.service})

    @property
    def output(self) -> Endpoint:
        """For the stack's outputs."""
        endpoint = Endpoint(
            namespace=self.namespace, service=self.service, port=PORT, model=self.model, api_key=self.api_key
        )
        settings = self._args.settings
        version = settings.version
        if settings.replicas.min == 0:
            endpoint["sleeps"] = True
        if settings.engine != "mlflow":
            endpoint["engine"] = settings.engine
        if version is not None:
            endpoint["version"] = version
        if settings.weights is not None:
            endpoint["weights"] = settings.weights.model_dump()
        if self.url is not None:
            endpoint["url"] = self.url
            canary = self._args.settings.canary
            if canary is not None:
                endpoint["canary_percent"] = canary.percent
            endpoint["callers"] = {caller.name: caller.value for caller in self._args.callers}
        return endpoint

    def _server(self, release: Release) -> DeploymentFactory:
        return DeploymentFactory(release.name, _COMPONENT, self._args.workspace, self)

    def _serve(self, release: Release) -> list[pulumi.Resource]:
        """Its Deployment and its Service, with a disruption budget. The gateway would answer 500 for a Service that it
        does not know yet or no longer, so the Service does not wait for pods to be ready, and goes after them: by then
        the controller knows the route without it.
        """
        server = self._server(release)
        service = server.service(PORT)
        deployment = self._deployment(release, service)
        if release.replicas.max > 1:
            server.disruption_budget()
        return [service, deployment]

    def _deployment(self, release: Release, service: pulumi.Resource) -> pulumi.Resource:
        args, server = self._args, self._server(release)
        account = release.access.create(self)
        template = pod_template(
            self._container(release),
            args.workspace,
            account=release.access.account,
            labels=server.labels,
            annotations=self._roll_on(release),
            grace_seconds=grace_seconds(args.settings),
            placement=args.placement,
            purpose=_COMPONENT,
            spread=server.selector if release.replicas.max > 1 else None,
        )
        nodes = list(args.placement.ready) if args.placement else []
        after = [service, *account, *nodes, *self._callers, *(secret.ready for secret in self._read)]
        return server.deployment(
            template,
            after,
            replicas=max(release.replicas.min, 1),
            scaled=not release.replicas.fixed,
            max_surge=release.max_surge,
            timeout=args.settings.timeout,
            annotations=FORCE if release.replicas.fixed else {**FORCE, SCALED_ANNOTATION: "true"},
        )

    def _roll_on(self, release: Release) -> dict[str, pulumi.Input[str]]:
        """What pods read only at start: the tracking login, secrets."""
        credentials = self._args.workspace.credentials_fingerprint
        return {
            **({f"{DOMAIN}/credentials": credentials} if credentials is not None else {}),
            **{f"secret.{DOMAIN}/{secret.name}": secret.fingerprint for secret in self._read},
            **release.access.roll_on,
        }

    def _container(self, release: Release) -> Container:
        args = self._args
        counts_callers = bool(args.callers) and not release.mirrored
        resources, gpus = args.settings.resources, args.settings.gpus
        return Container(
            name=_COMPONENT,
            image=release.image.reference,
            resources=resources,
            env={
                **tracking_env(args.workspace),
                "MODEL_NAME": self.model,
                **self._source(release),
                "MAX_REQUEST_BYTES": str(memory_bytes(args.settings.max_request_size)),
                "MAX_CONCURRENT_REQUESTS": str(args.settings.max_concurrent_requests),
                **({"API_KEYS_FILE": f"{secret_folder(args.api_key.name)}/{ACCEPTED}"} if args.api_key else {}),
                **(job_env(resources, gpus) if args.settings.engine == "llm" else gpu_env(gpus)),
                **variables(args.settings),
                **(caller_names.ENV if counts_callers else {}),
                **(shadow_env(self.service, PORT) if release.mirrored and is_compared(args.settings) else {}),
                **release.access.env,
            },
            gpus=gpus,
            ports={"http": PORT},
            mounts=[
                *tracking_mounts(args.workspace),
                *secret_mounts(self._read),
                *([caller_names.mount(self.service)] if counts_callers else []),
                *release.access.mounts,
            ],
            startup_probe=startup_probe(args.settings),
            readiness_probe=health("ready", period=2, failures=2),
            liveness_probe=health("live", period=10, failures=3),
        )

    def _source(self, release: Release) -> dict[str, str]:
        """Where the model is, and the digest of weights."""
        weights, version = release.weights, release.version
        if weights is not None:
            return {"MODEL_URI": release.access.uri(weights.dataset, weights.file), "MODEL_SHA256": weights.sha256}
        return {"MODEL_URI": f"models:/{self.model}{f'/{version}' if version else f'@{CHAMPION}'}"}

    def _route(self, args: ServingArgs, after: Sequence[pulumi.Resource]) -> str:
        assert args.listener is not None and args.settings.expose is not None
        to = RouteArgs(
            settings=args.settings.expose,
            protocol=protocol(args.settings),
            refusals=refusals(args.settings, args.settings.expose),
            listener=args.listener,
            workspace=args.workspace,
            services=self._backends(args),
            port=PORT,
            callers=args.callers,
            max_request_bytes=memory_bytes(args.settings.max_request_size),
            requests_per_connection=requests_per_connection(args.settings),
            repeatable=args.settings.engine != "llm",
            wakes=args.settings.replicas.min == 0,
            annotations=_of_canary(args),
        )
        return route(to, self, after)

    def _backends(self, args: ServingArgs) -> list[Backend]:
        stable, canary = self._server(args.stable), args.settings.canary
        if args.canary is None or canary is None:
            return [Backend(stable.name, stable.selector)]
        other = self._server(args.canary)
        return [
            Backend(stable.name, stable.selector, 100 - canary.percent),
            Backend(other.name, other.selector, canary.percent, canary.mirror),
        ]


def _of_canary(args: ServingArgs) -> dict[str, pulumi.Input[str]]:
    """Another canary changes the route, so that one that was rolled back has no say in it."""
    canary = args.settings.canary
    if args.canary is None or canary is None:
        return {}
    served = _served(args.canary)
    window = {ROLLBACK_WINDOW_ANNOTATION: str(canary.rollback.window)} if canary.rollback else {}
    return {CANARY_ANNOTATION: pulumi.Output.concat(served, " in ", args.canary.image.reference), **window}


def _served(release: Release) -> str:
    if release.weights is not None:
        return f"weights {release.weights.sha256}"
    return f"version {release.version}" if release.version else CHAMPION


def create(name: str, settings: Settings, runtime: Runtime, opts: pulumi.ResourceOptions) -> Serving:
    """A declared endpoint."""
    args = ServingArgs(
        settings=settings,
        stable=Release(
            name,
            runtime.image(settings),
            settings.version,
            settings.weights,
            runtime.access(_COMPONENT, name, settings),
            settings.replicas,
            settings.max_surge,
        ),
        canary=_canary(canary_name(name), settings, settings.canary, runtime) if settings.canary else None,
        workspace=runtime.workspace(settings),
        secrets=runtime.mounted(settings),
        api_key=runtime.secrets[settings.api_key] if settings.api_key else None,
        placement=runtime.placement(settings.pool),
        callers=[runtime.secrets[caller] for caller in settings.expose.callers] if settings.expose else [],
        listener=runtime.listener,
    )
    return Serving(name, args, opts)


def _canary(name: str, settings: Settings, canary: Canary, runtime: Runtime) -> Release:
    """What it does not say is as the endpoint. It reads the dataset of its own weights alone."""
    weights = canary.weights or settings.weights
    return Release(
        name,
        runtime.images.get(canary.image or settings.image),
        canary.version or settings.version,
        weights,
        runtime.access(_COMPONENT, name, settings.model_copy(update={"weights": weights})),
        Replicas(min=canary.replicas, max=canary.replicas),
        min(1, settings.max_surge),
        canary.mirror,
    )
