"""The EKS cluster in Auto Mode: declared access entries, envelope encryption of secrets, control plane logs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, eks

from infra.catalogue.names import PROJECT
from infra.declaration.aws.settings import Cluster as Settings
from infra.foundation.aws.access import accepted
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import Statement, allow, document, encrypt_disks, instance_trust, service_trust
from infra.foundation.aws.keys import DISKS
from infra.foundation.aws.network import Network
from infra.foundation.aws.roles import ServiceRole, ServiceRoleArgs

_LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
_CLUSTER_POLICIES = [
    f"AmazonEKS{part}Policy" for part in ("Cluster", "Compute", "BlockStorage", "LoadBalancing", "Networking")
]
_NODE_POLICIES = ["AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly"]
_NODE_POLICY = "cluster-access-policy/AmazonEKSAutoNodePolicy"
_ADMIN_POLICY = "cluster-access-policy/AmazonEKSClusterAdminPolicy"


@dataclass(frozen=True)
class ClusterArgs:
    settings: Settings
    context: AwsContext
    network: Network
    secrets_key: pulumi.Input[str]
    log_key: pulumi.Input[str]
    log_days: int
    deployer: pulumi.Input[str] | None
    """The deploy role of the pipeline, if there is one."""
    protect: bool
    after: Sequence[pulumi.Resource]
    """What must outlive the nodes."""


class Cluster(pulumi.ComponentResource):
    """Auto Mode manages network, DNS, volumes, load balancers and the GPU device plugin of its nodes."""

    name: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]
    security_group: pulumi.Output[str]
    node_role: ServiceRole

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsCluster", name, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        context = args.context
        self.node_role = ServiceRole(
            "node", ServiceRoleArgs(context, instance_trust(context), _NODE_POLICIES), self._child
        )
        cluster = self._cluster(name)
        self.name = cluster.name
        self.security_group = cluster.vpc_config.cluster_security_group_id
        # Resources in the cluster are created after the access entries and deleted before them.
        self.kubeconfig = pulumi.Output.all(
            cluster.name, cluster.endpoint, cluster.certificate_authority.data, *self._administrators(cluster)
        ).apply(lambda values: accepted(kubeconfig(values[0], context.region, values[1], values[2])))
        self._group_members(cluster)
        self._let_nodes_join(cluster)
        self.register_outputs({"name": self.name})

    def _cluster(self, name: str) -> eks.Cluster:
        args, settings, context = self._args, self._args.settings, self._args.context
        role = ServiceRole(
            name,
            ServiceRoleArgs(
                context,
                service_trust(context, "eks.amazonaws.com", context.cluster_arn, ["sts:AssumeRole", "sts:TagSession"]),
                _CLUSTER_POLICIES,
                {"tags": document(*tagged_nodes()), "disks": document(*encrypt_disks(context, DISKS))},
            ),
            self._child,
        )
        # Created before the cluster: EKS would create it without a key and without expiry.
        logs = cloudwatch.LogGroup(
            name,
            name=f"/aws/eks/{context.name}/cluster",
            retention_in_days=args.log_days,
            kms_key_id=args.log_key,
            opts=self._child,
        )
        return eks.Cluster(
            name,
            name=context.name,
            version=settings.version,
            role_arn=role.arn,
            access_config=eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            bootstrap_self_managed_addons=False,
            compute_config=eks.ClusterComputeConfigArgs(
                # No pools of EKS's own, whose nodes have neither the declared tags, key nor limits; EKS takes no
                # role for nodes then.
                enabled=True,
                node_pools=[],
            ),
            deletion_protection=settings.deletion_protection,
            enabled_cluster_log_types=_LOGS,
            encryption_config=eks.ClusterEncryptionConfigArgs(
                provider=eks.ClusterEncryptionConfigProviderArgs(key_arn=args.secrets_key), resources=["secrets"]
            ),
            kubernetes_network_config=eks.ClusterKubernetesNetworkConfigArgs(
                elastic_load_balancing=eks.ClusterKubernetesNetworkConfigElasticLoadBalancingArgs(enabled=True),
                service_ipv4_cidr=settings.service_cidr,
            ),
            storage_config=eks.ClusterStorageConfigArgs(
                block_storage=eks.ClusterStorageConfigBlockStorageArgs(enabled=True)
            ),
            upgrade_policy=eks.ClusterUpgradePolicyArgs(support_type=settings.upgrade_policy),
            vpc_config=eks.ClusterVpcConfigArgs(
                subnet_ids=list(args.network.private.values()),
                endpoint_private_access=True,
                endpoint_public_access=bool(settings.public_cidrs),
                public_access_cidrs=list(settings.public_cidrs) or None,
            ),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[role, self.node_role, logs, *args.after], protect=args.protect
            ),
        )

    def _administrators(self, cluster: eks.Cluster) -> list[pulumi.Output[str]]:
        """Administrators; named by the role, so that adding one replaces no other."""
        declared = {f"admin-{role_path(arn)}": arn for arn in self._args.settings.admins}
        deployer = {"deployer": self._args.deployer} if self._args.deployer is not None else {}
        return [self._administrator(name, cluster, arn) for name, arn in {**declared, **deployer}.items()]

    def _group_members(self, cluster: eks.Cluster) -> list[pulumi.Output[str]]:
        """Roles mapped to Kubernetes groups; EKS takes one access entry per role."""
        groups = self._args.settings.groups
        return [
            eks.AccessEntry(
                f"groups-{role_path(arn)}",
                cluster_name=cluster.name,
                principal_arn=arn,
                type="STANDARD",
                kubernetes_groups=sorted(group for group, role in groups.items() if role == arn),
                opts=self._child,
            ).id
            for arn in sorted(set(groups.values()))
        ]

    def _let_nodes_join(self, cluster: eks.Cluster) -> None:
        """EKS does so by itself only for the role of its own pools."""
        arn = self.node_role.arn
        entry = eks.AccessEntry("nodes", cluster_name=cluster.name, principal_arn=arn, type="EC2", opts=self._child)
        eks.AccessPolicyAssociation(
            "nodes",
            cluster_name=cluster.name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:{self._args.context.partition}:eks::aws:{_NODE_POLICY}",
            access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=self._child,
        )

    def _administrator(self, name: str, cluster: eks.Cluster, arn: pulumi.Input[str]) -> pulumi.Output[str]:
        entry = eks.AccessEntry(name, cluster_name=cluster.name, principal_arn=arn, type="STANDARD", opts=self._child)
        partition = self._args.context.partition
        association = eks.AccessPolicyAssociation(
            name,
            cluster_name=cluster.name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:{partition}:eks::aws:{_ADMIN_POLICY}",
            access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=self._child,
        )
        return association.id


def role_path(arn: str) -> str:
    """A role's name with its path, which is unique."""
    return arn.partition(":role/")[2].replace("/", "-")


def tagged_nodes() -> list[Statement]:
    """EKS's managed policies allow only its own tags; these allow ours on nodes, volumes, network interfaces and load
    balancers of this cluster.

    https://docs.aws.amazon.com/eks/latest/userguide/auto-learn-iam.html, "Custom AWS tags".
    """
    own = {"aws:RequestTag/eks:eks-cluster-name": "${aws:PrincipalTag/eks:eks-cluster-name}"}
    pools = {"aws:RequestTag/eks:kubernetes-node-class-name": "*", "aws:RequestTag/eks:kubernetes-node-pool-name": "*"}
    return [
        allow(
            ["ec2:CreateFleet", "ec2:RunInstances", "ec2:CreateLaunchTemplate"],
            ["*"],
            {"StringEquals": own, "StringLike": pools},
        ),
        allow(
            ["ec2:CreateVolume", "ec2:CreateSnapshot"],
            ["arn:*:ec2:*:*:volume/*", "arn:*:ec2:*:*:snapshot/*"],
            {"StringEquals": own},
        ),
        allow(
            ["ec2:CreateNetworkInterface"],
            ["*"],
            {"StringEquals": own, "StringLike": {"aws:RequestTag/eks:kubernetes-cni-node-name": "*"}},
        ),
        allow(
            [
                *(f"elasticloadbalancing:Create{kind}" for kind in ("Listener", "LoadBalancer", "Rule", "TargetGroup")),
                "ec2:CreateSecurityGroup",
            ],
            ["*"],
            {"StringEquals": own},
        ),
    ]


def kubeconfig(name: str, region: str, endpoint: str, authority: str) -> str:
    """Without credentials: an exec plugin uses the caller's identity."""
    login = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json"],
        "interactiveMode": "Never",
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": endpoint, "certificate-authority-data": authority}}],
            "users": [{"name": name, "user": {"exec": login}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
