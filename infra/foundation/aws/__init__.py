"""The foundation in one AWS account and region: VPC, KMS, ECR, EKS, S3 and RDS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws
import pulumi_docker as docker
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from infra.catalogue.names import PROJECT
from infra.declaration.aws.pools import ec2_settings
from infra.declaration.aws.settings import AwsFoundation as Settings
from infra.declaration.entrances import AwsEntrance
from infra.declaration.pools import NodePool
from infra.foundation.aws import keys
from infra.foundation.aws.backup import Backup, BackupArgs
from infra.foundation.aws.boundary import Boundary, BoundaryArgs
from infra.foundation.aws.bucket import ArtifactStore, ArtifactStoreArgs
from infra.foundation.aws.ci import Ci, CiArgs
from infra.foundation.aws.cluster import Cluster, ClusterArgs
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.database import Database, DatabaseArgs
from infra.foundation.aws.datasets import DatasetEndpoint, DatasetEndpointArgs
from infra.foundation.aws.endpoints import Endpoints, EndpointsArgs
from infra.foundation.aws.entrance import entrance
from infra.foundation.aws.grafana import GrafanaWorkspace, GrafanaWorkspaceArgs
from infra.foundation.aws.identity import PodRole, PodRoleArgs
from infra.foundation.aws.keys import Keys, KeysArgs
from infra.foundation.aws.metrics import MetricsStore, MetricsStoreArgs
from infra.foundation.aws.network import Network, NetworkArgs
from infra.foundation.aws.node_pools import NodesArgs, Pool, PoolArgs, SystemPool, SystemPoolArgs
from infra.foundation.aws.pod_network import domain_egress, egress, enforced_policies
from infra.foundation.aws.registry import AwsRegistry, AwsRegistryArgs, cached_image
from infra.foundation.aws.secrets import stored_secret
from infra.foundation.aws.topics import Topics, TopicsArgs, topic_arn
from infra.foundation.aws.volumes import storage_class
from infra.foundation.contract import (
    CLIENT_SETTINGS,
    Foundation,
    Pipeline,
    Placement,
    Registry,
    Storage,
    Topic,
    WorkloadIdentity,
)

_SECONDS_FOR_A_NODE = 600
"""EC2 starts it, it joins the cluster, volumes are attached, and images are pulled for the first time."""


@dataclass(frozen=True)
class AwsFoundationArgs:
    settings: Settings
    stack: str
    pools: Mapping[str, NodePool]
    longest_jobs: Mapping[str, int]
    """Seconds that a job may take, by pool."""
    topics: Mapping[str, Sequence[str]]
    """Email addresses that are subscribed, by topic."""
    alarm_topic: str | None
    """The topic for alarms of CloudWatch."""
    protect_data: bool
    dataset_teams: Sequence[str]
    """Teams that have datasets as objects."""
    entrance: AwsEntrance | None = None
    """None: no gateway is declared, or one of an existing class."""


class AwsFoundation(pulumi.ComponentResource):
    """Creates the providers, and all resources in an order in which they can be deleted again."""

    outputs: Foundation

    def __init__(self, name: str, args: AwsFoundationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:Aws", name, None, opts)
        self._args, settings = args, args.settings
        self._context = context = AwsContext(
            settings.account, settings.region, args.stack, settings.team, settings.cost_centre
        )
        self._account = self._make_provider("aws", context.region)
        of_account = pulumi.ResourceOptions(parent=self, providers=[self._account])
        self._second_region = replace(context, region=settings.backup.region) if settings.backup else None
        self._boundary = Boundary("boundary", BoundaryArgs(context, self._second_region), of_account)
        self._in_account = pulumi.ResourceOptions(parent=self, providers=[self._account], depends_on=[self._boundary])
        child = pulumi.ResourceOptions(parent=self)

        self._ci = self._make_ci()
        self._deployer = context.role_arn("ci-deploy") if self._ci else None
        self._keys = Keys(
            "keys",
            KeysArgs(
                context,
                args.protect_data,
                [*self._more_purposes(), *([keys.DATASETS] if args.dataset_teams else [])],
                self._deployer,
            ),
            pulumi.ResourceOptions(
                parent=self,
                providers=[self._account],
                # KMS refuses a policy that names a role which does not exist.
                depends_on=[self._boundary, *([self._ci] if self._ci else [])],
            ),
        ).arns
        self._network = Network(
            "network",
            NetworkArgs(settings.network, context, settings.log_days, self._keys[keys.LOGS]),
            self._in_account,
        )
        self._datasets = self._make_dataset_endpoint()
        self._cluster = self._make_cluster()
        in_cluster = kubernetes.Provider(
            "kubernetes",
            kubeconfig=self._cluster.kubeconfig,
            enable_secret_mutable=True,
            enable_config_map_mutable=True,
            kube_client_settings=CLIENT_SETTINGS,
            opts=child,
        )
        artifacts = ArtifactStore(
            "artifacts",
            ArtifactStoreArgs(
                context,
                self._keys[keys.ARTIFACTS],
                settings.log_days,
                args.protect_data,
                self._keys.get(keys.DATASETS),
            ),
            self._in_account,
        )
        self._random = random.Provider("random", opts=child)
        self._database = self._make_database()
        self._make_backup(artifacts)
        self._metrics = self._make_metrics_store()
        self._grafana = self._make_grafana()
        self._on_cluster = pulumi.ResourceOptions(parent=self, providers=[in_cluster])
        nodes = self._nodes()
        system = SystemPool("system", SystemPoolArgs(settings.system_pool, nodes), self._on_cluster)
        storage_class(context, self._keys[keys.DISKS], pulumi.ResourceOptions(parent=self, provider=in_cluster))
        enforced_policies(pulumi.ResourceOptions(parent=self, provider=in_cluster))
        self.outputs = Foundation(
            kubernetes=in_cluster,
            random=self._random,
            registry=self._make_registry(docker.Provider("docker", opts=child)),
            base_image=cached_image(context, settings.registry.base_image),
            storage=Storage(
                database=self._database.address,
                artifacts=pulumi.Output.concat(artifacts.uri, "/models"),
                users=self._database.address,
                snapshot=self._database.snapshot,
                database_login=self._database.login,
            ),
            pools=self._make_pools(nodes),
            gpus="real",
            bind_identity=self._bind_identity,
            store_secret=self._store_secret,
            egress=egress(settings.cluster.service_cidr),
            seconds_for_a_node=_SECONDS_FOR_A_NODE,
            ready=[system.pool],
            metrics_store=self._metrics.outputs if self._metrics else None,
            topics=self._make_topics(),
            grafana=self._grafana.outputs if self._grafana else None,
            pipeline=Pipeline(preview=self._ci.preview, deploy=self._ci.deploy) if self._ci else None,
            object_stores=dict.fromkeys(args.dataset_teams, self._datasets.outputs) if self._datasets else {},
            domain_egress=domain_egress(settings.cluster.service_cidr),
            entrance=entrance(args.entrance, settings) if args.entrance else None,
        )
        self.register_outputs({"registry": context.registry})

    def _make_provider(self, name: str, region: str) -> aws.Provider:
        """Refuses any account but the declared one, before anything is created."""
        return aws.Provider(
            name,
            region=region,
            allowed_account_ids=[self._context.account],
            default_tags=aws.ProviderDefaultTagsArgs(tags=dict(self._context.tags)),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _make_ci(self) -> Ci | None:
        settings = self._args.settings
        if settings.ci is None:
            return None
        caches = [self._context.cache_prefix(prefix) for prefix in settings.registry.mirrors]
        access = [*settings.cluster.admins, *settings.cluster.groups.values()]
        grafana = settings.managed_grafana is not None
        args = CiArgs(settings.ci, self._context, caches, grafana, access, self._second_region)
        return Ci("ci", args, self._in_account)

    def _make_cluster(self) -> Cluster:
        """Nodes and pods need NAT gateways and VPC endpoints until the last node is deleted."""
        settings, context, network = self._args.settings, self._context, self._network
        purposes = self._more_purposes()
        private = EndpointsArgs(network, context, settings.network.cidr, settings.network.interface_endpoints, purposes)
        endpoints = Endpoints("endpoints", private, self._in_account)
        return Cluster(
            "cluster",
            ClusterArgs(
                settings=settings.cluster,
                context=context,
                network=network,
                secrets_key=self._keys[keys.CLUSTER],
                log_key=self._keys[keys.LOGS],
                log_days=settings.log_days,
                deployer=self._ci.deploy if self._ci else None,
                protect=self._args.protect_data,
                after=[network, endpoints, *([self._datasets] if self._datasets else [])],
            ),
            self._in_account,
        )

    def _more_purposes(self) -> list[str]:
        """Optional services, each of which needs a key."""
        metrics = [keys.METRICS] if self._args.settings.managed_prometheus else []
        return [*metrics, *([keys.ALERTS] if self._args.topics else [])]

    def _make_metrics_store(self) -> MetricsStore | None:
        if self._args.settings.managed_prometheus is None:
            return None
        args = MetricsStoreArgs(self._context, self._keys[keys.METRICS], self._args.protect_data)
        return MetricsStore("metrics", args, self._in_account)

    def _make_grafana(self) -> GrafanaWorkspace | None:
        settings = self._args.settings.managed_grafana
        if settings is None or self._metrics is None:
            return None
        return GrafanaWorkspace(
            "grafana", GrafanaWorkspaceArgs(settings, self._context, self._metrics), self._in_account
        )

    def _make_topics(self) -> Mapping[str, Topic]:
        if not self._args.topics:
            return {}
        args = TopicsArgs(self._context, self._args.topics, self._keys[keys.ALERTS])
        return Topics("topics", args, self._in_account).outputs

    def _make_dataset_endpoint(self) -> DatasetEndpoint | None:
        if not self._args.dataset_teams:
            return None
        args = DatasetEndpointArgs(self._args.settings.network, self._network, self._context)
        return DatasetEndpoint("datasets", args, self._in_account)

    def _make_database(self) -> Database:
        args = DatabaseArgs(
            settings=self._args.settings.database,
            context=self._context,
            vpc=self._network.vpc,
            subnets=self._network.data,
            clients=self._cluster.security_group,
            key=self._keys[keys.DATABASE],
            log_key=self._keys[keys.LOGS],
            log_days=self._args.settings.log_days,
            protect=self._args.protect_data,
            window=self._args.settings.maintenance_window,
            alarms=topic_arn(self._context, self._args.alarm_topic) if self._args.alarm_topic else None,
        )
        providers = [self._account, self._random]
        opts = pulumi.ResourceOptions(parent=self, providers=providers, depends_on=[self._boundary])
        return Database("tracking", args, opts)

    def _make_backup(self, artifacts: ArtifactStore) -> None:
        there, database = self._second_region, self._args.settings.database
        if there is None:
            return
        args = BackupArgs(
            context=self._context,
            there=there,
            provider=self._make_provider("aws-backup", there.region),
            artifacts=artifacts.versioned,
            database=database.name,
            database_arn=self._database.arn,
            days=database.backup_days,
            protect=self._args.protect_data,
            deployer=self._deployer,
        )
        Backup("backup", args, self._in_account)

    def _make_registry(self, builder: docker.Provider) -> Registry:
        args = AwsRegistryArgs(
            settings=self._args.settings.registry,
            context=self._context,
            key=self._keys[keys.REGISTRY],
            account=self._account,
            builder=builder,
            protect=self._args.protect_data,
        )
        return AwsRegistry("registry", args, self._in_account).outputs

    def _nodes(self) -> NodesArgs:
        return NodesArgs(
            context=self._context,
            role=self._cluster.node_role.name,
            subnets=self._network.private,
            security_group=self._cluster.security_group,
            disk_key=self._keys[keys.DISKS],
            window=self._args.settings.maintenance_window,
        )

    def _make_pools(self, nodes: NodesArgs) -> dict[str, Placement]:
        vpc, longest = self._args.settings.network.zones, self._args.longest_jobs
        return {
            name: Pool(
                name,
                PoolArgs(pool, nodes, ec2_settings(pool).zones or vpc, longest.get(name, 0)),
                self._on_cluster,
            ).placement
            for name, pool in self._args.pools.items()
        }

    def _bind_identity(self, identity: WorkloadIdentity, opts: pulumi.ResourceOptions) -> Sequence[pulumi.Resource]:
        """Pods wait for the association: a pod that started before it would not get the role."""
        if not identity.has_access:
            return []
        args = PodRoleArgs(
            identity,
            self._context,
            self._cluster.name,
            self._database,
            self._metrics,
            self._grafana,
            self._datasets.endpoint if self._datasets else None,
        )
        in_account = pulumi.ResourceOptions(parent=opts.parent, providers=[self._account], depends_on=[self._boundary])
        return [PodRole(f"{identity.namespace}-{identity.service_account}", args, in_account)]

    def _store_secret(
        self, name: str, team: str, value: pulumi.Output[str], opts: pulumi.ResourceOptions
    ) -> pulumi.Output[str]:
        """Encrypted with a key of its own, whose policy decides who can read secrets."""
        key, protect = self._keys[keys.SECRETS], self._args.protect_data
        in_account = pulumi.ResourceOptions(parent=opts.parent, provider=self._account)
        return stored_secret(self._context, key, name, team, value, protect, in_account)
