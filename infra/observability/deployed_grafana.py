"""The Grafana that the platform deploys, from the official image, without persistent storage.

Data source and dashboards are provisioned from files; changes in the user interface are lost with the pod. Like the
status page it is reached from the platform's namespace, through `kubectl port-forward`, and by the gateway where it has
a host there. It queries Prometheus only.
"""

from __future__ import annotations

import configparser
import io
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import yaml
from pulumi_kubernetes.core.v1 import EmptyDirVolumeSourceArgs, VolumeArgs

from infra.catalogue.images import GRAFANA
from infra.catalogue.names import ADMINISTRATOR, DOMAIN, PROJECT, fingerprint
from infra.declaration.workloads import Resources
from infra.images import BuiltImage
from infra.observability.access import monitoring_account
from infra.observability.dashboards import DashboardFiles
from infra.secrets.generated import GeneratedPassword, public_fingerprint
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import VALUE
from infra.workloads.api_access import Access
from infra.workloads.deployment import DeploymentFactory, probe
from infra.workloads.pod import Container, Mount, config_mount, pod_template, secret_mount

NAME = GRAFANA
PORT = 3000
_USER = 472
"""The image's user."""
_CONFIG, _DASHBOARDS, _DATA, _LOGIN = "/etc/given", "/etc/dashboards", "/var/lib/grafana", "/var/run/secrets/login"
_HOME = "ml-platform-overview.json"
_RESOURCES = Resources(cpu="50m", memory="384Mi")

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "server": {"http_port": str(PORT)},
    # Grafana reads the file itself, so that the password is in no environment variable.
    "security": {
        "admin_user": ADMINISTRATOR,
        "admin_password": f"$__file{{{_LOGIN}/{VALUE}}}",
        "disable_gravatar": "true",
    },
    "auth.anonymous": {"enabled": "false"},
    "users": {"allow_sign_up": "false"},
    "dashboards": {"default_home_dashboard_path": f"{_DASHBOARDS}/{_HOME}"},
    # Alerting is Alertmanager's task.
    "unified_alerting": {"enabled": "false"},
    # No requests to the internet.
    "analytics": {
        "reporting_enabled": "false",
        "check_for_updates": "false",
        "check_for_plugin_updates": "false",
        "feedback_links_enabled": "false",
    },
    "news": {"news_feed_enabled": "false"},
    "plugins": {
        "preinstall_disabled": "true",
        "plugin_admin_enabled": "false",
        "public_key_retrieval_disabled": "true",
    },
    "snapshots": {"external_enabled": "false"},
    # They would need no login.
    "metrics": {"enabled": "false"},
}
"""Grafana's settings that differ from its defaults."""


@dataclass(frozen=True)
class GrafanaArgs:
    """`prometheus` is Prometheus's URL within the cluster."""

    image: BuiltImage
    workspace: Workspace
    dashboards: DashboardFiles
    prometheus: str
    password: GeneratedPassword
    url: str | None
    """From outside the cluster."""


class Grafana(pulumi.ComponentResource):
    """A Deployment behind a Service of the same name."""

    namespace: str
    service: str
    password: pulumi.Output[str]

    def __init__(self, name: str, args: GrafanaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:Grafana", name, None, opts)
        self._args = args
        self.namespace, self.service, self.password = args.workspace.namespace, NAME, args.password.current
        self._files = provisioned(args.prometheus)
        server = DeploymentFactory(NAME, NAME, args.workspace, self)
        after = [
            *monitoring_account(NAME, args.workspace, Access(), [], self),
            server.config({_key(path): text for path, text in self._files.items()}),
            # Grafana creates its administrator at start, with one password: a rotation rolls the pod.
            server.secret({VALUE: self.password}),
            args.dashboards.config_map,
        ]
        template = pod_template(
            self._container(),
            args.workspace,
            account=NAME,
            labels=server.labels,
            annotations=self._rollout_annotations(),
            user=_USER,
        )
        # Each pod has its own database, which holds nothing to keep.
        server.service(PORT, after=server.deployment(template, after))
        self.register_outputs({"service": self.service})

    def _rollout_annotations(self) -> dict[str, pulumi.Input[str]]:
        """Annotations that roll the pod when settings or password change. Dashboards are reloaded without that."""
        return {
            f"{DOMAIN}/configuration": fingerprint(self._files),
            f"{DOMAIN}/credentials": public_fingerprint(self.password),
        }

    def _container(self) -> Container:
        return Container(
            name=NAME,
            image=self._args.image.reference,
            resources=_RESOURCES,
            env={
                "GF_PATHS_CONFIG": f"{_CONFIG}/grafana.ini",
                "GF_PATHS_PROVISIONING": f"{_CONFIG}/provisioning",
                **(_outside(self._args.url) if self._args.url else {}),
            },
            ports={"http": PORT},
            mounts=[
                config_mount("given", NAME, _CONFIG, {path: _key(path) for path in self._files}),
                config_mount("dashboards", self._args.dashboards.name, _DASHBOARDS),
                secret_mount("login", NAME, _LOGIN),
                Mount(VolumeArgs(name="data", empty_dir=EmptyDirVolumeSourceArgs(size_limit="1Gi")), _DATA),
            ],
            startup_probe=probe("/api/health", period=1, failures=180),
            readiness_probe=probe("/api/health", period=5, failures=3),
            liveness_probe=probe("/api/health", period=10, failures=6),
        )


def _outside(url: str) -> Mapping[str, str]:
    """Settings behind the gateway: failed logins do not lock out the only user, whose password is generated."""
    return {
        "GF_SERVER_ROOT_URL": url,
        "GF_SECURITY_COOKIE_SECURE": "true",
        "GF_SECURITY_DISABLE_BRUTE_FORCE_LOGIN_PROTECTION": "true",
    }


def provisioned(prometheus: str) -> Mapping[str, str]:
    """The files that Grafana reads at start, by path: settings, data source, dashboard provider."""
    datasource = {
        "name": "Prometheus",
        "uid": "prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": prometheus,
        "isDefault": True,
        "jsonData": {"httpMethod": "POST"},
    }
    provider = {
        "name": PROJECT,
        "folder": PROJECT,
        "folderUid": PROJECT,
        "type": "file",
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": _DASHBOARDS},
    }
    return {
        "grafana.ini": _ini(SETTINGS),
        "provisioning/datasources/prometheus.yaml": _yaml({"apiVersion": 1, "datasources": [datasource]}),
        "provisioning/dashboards/platform.yaml": _yaml({"apiVersion": 1, "providers": [provider]}),
    }


def _ini(settings: Mapping[str, Mapping[str, str]]) -> str:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(settings)
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def _yaml(content: Mapping[str, object]) -> str:
    return str(yaml.safe_dump(content, sort_keys=False))


def _key(path: str) -> str:
    """The ConfigMap key of a path: keys cannot contain slashes."""
    return path.rpartition("/")[2]
