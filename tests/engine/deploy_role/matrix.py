"""The rows: an attempt, and who may do it.

A refusal names what it is refused for. The test takes just that out of the policies, and the attempt must go through:
so no row is refused because it is mistyped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.engine.deploy_role.things import (
    ALIASES,
    BOUNDED,
    BYPASS,
    CLUSTER_TAG,
    DELEGATED,
    LINKED,
    NEW,
    NEW_ROLE,
    OF_CLUSTER,
    OF_FOREIGN_CLUSTER,
    OWN,
    PASSED,
    REQUEST_TAG,
    RESOURCE_TAG,
    SECOND,
    SIBLING,
    SIBLINGS,
    STATE,
    WITHIN,
    created_by,
    ec2,
)
from tests.engine.iam_evaluator import Context, Policy, Request
from tests.engine.iam_evaluator.prod import (
    FOREIGN_CLUSTER,
    KEY,
    PLACE,
    REGION,
    TOPIC,
    WORKSPACE,
    bucket_policy,
    key_policy,
    prod_role,
    topic_policy,
)
from tests.engine.iam_evaluator.roles import Role
from tests.engine.iam_evaluator.secrets import FOREIGN_SECRETS, LOGIN, OWN_DATABASE
from tests.engine.iam_evaluator.weaker import (
    EVERYTHING,
    Weaken,
    about_everything,
    may_everything,
    open_to,
    unbounded,
    without_condition,
    without_denials,
)

Verdict = Weaken | None
"""None: allowed. Otherwise it is refused, and this takes the reason out."""

yes = None
never = may_everything
"""No policy allows the action."""
outside = unbounded
"""The boundary does not allow it."""


def together(*reasons: Weaken) -> Weaken:
    """Refused for several reasons at once."""

    def weaken(request: Request) -> Request:
        for reason in reasons:
            request = reason(request)
        return request

    return weaken


@dataclass(frozen=True)
class Row:
    """`itself`: the deploy role. `made`: a role that it makes, whose policies allow everything."""

    does: str
    action: str
    resource: str
    itself: Verdict
    made: Verdict
    context: Context = field(default_factory=dict)
    resource_policy: Policy | None = None
    preview: Verdict = never
    documented: bool = False
    """Whether docs/security.md shows it."""

    def requests(self) -> dict[str, tuple[Request, Verdict]]:
        """By the role that attempts it."""
        roles = {"itself": deploy, "made": made, "preview": preview}
        verdicts = {"itself": self.itself, "made": self.made, "preview": self.preview}
        return {
            who: (role().asks(self.action, self.resource, self.context, self.resource_policy), verdicts[who])
            for who, role in roles.items()
        }


def deploy() -> Role:
    return prod_role("ci-deploy")


def preview() -> Role:
    return prod_role("ci-preview")


def made() -> Role:
    """The most that the deploy role can make."""
    return replace(prod_role("ml-platform-tracking"), name=f"{PLACE.name}-new", own=(EVERYTHING,))


def shown(row: Row) -> Row:
    return replace(row, documented=True)


def _role(name: str) -> str:
    return PLACE.iam_arn(f"role/{PLACE.name}-{name}")


def _policy(name: str) -> str:
    return PLACE.iam_arn(f"policy/{PLACE.name}-{name}")


_BOUNDED = without_condition(BOUNDED)
_TAGGED = without_condition(RESOURCE_TAG)
_SIBLING_ROLE = SIBLING.iam_arn(f"role/{SIBLING.name}-node")
_SIBLING_PIPELINE = SIBLING.iam_arn(f"role/{SIBLING.name}-ci-deploy")
_TRUSTING: Policy = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": PLACE.role_arn("ci-deploy")}, "Action": "sts:AssumeRole"}],
}
_ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
_TRUSTED: Weaken = together(
    may_everything,
    open_to({"AWS": PLACE.iam_arn("root")}),
    without_condition(
        *(f"aws:RequestTag/{tag}" for tag in ("eks-cluster-arn", "kubernetes-namespace", "kubernetes-service-account"))
    ),
)


def roles() -> list[Row]:
    """Roles, and whether there is a way to more than the boundary."""
    own, other = PLACE.role_arn("ci-deploy"), PLACE.role_arn("ci-preview")
    return [
        shown(Row("creates a role within the boundary", "iam:CreateRole", NEW_ROLE, yes, outside, WITHIN)),
        shown(Row("creates a role without a boundary", "iam:CreateRole", NEW_ROLE, _BOUNDED, outside)),
        Row(
            "creates a role within another boundary",
            "iam:CreateRole",
            NEW_ROLE,
            _BOUNDED,
            outside,
            {BOUNDED: _policy("wider")},
        ),
        Row(
            "creates a role of another name",
            "iam:CreateRole",
            PLACE.iam_arn("role/admin"),
            about_everything,
            outside,
            WITHIN,
        ),
        shown(Row("gives a role of the stack a policy", "iam:PutRolePolicy", NEW_ROLE, yes, outside, WITHIN)),
        Row(
            "attaches AdministratorAccess within the boundary",
            "iam:AttachRolePolicy",
            NEW_ROLE,
            yes,
            outside,
            {**WITHIN, "iam:PolicyARN": _ADMIN},
        ),
        Row("takes a policy from a role of the stack", "iam:DeleteRolePolicy", NEW_ROLE, yes, outside, WITHIN),
        Row("detaches a policy from a role of the stack", "iam:DetachRolePolicy", NEW_ROLE, yes, outside, WITHIN),
        shown(
            Row(
                "changes who may assume a role of the stack",
                "iam:UpdateAssumeRolePolicy",
                NEW_ROLE,
                yes,
                outside,
                WITHIN,
            )
        ),
        Row("changes how long sessions of a role last", "iam:UpdateRole", NEW_ROLE, yes, outside, WITHIN),
        Row("deletes a role of the stack", "iam:DeleteRole", NEW_ROLE, yes, outside, WITHIN),
        shown(
            Row(
                "assumes a role that it created, and that trusts it",
                "sts:AssumeRole",
                NEW_ROLE,
                yes,
                together(open_to({"AWS": PLACE.iam_arn("root")}), unbounded),
                resource_policy=_TRUSTING,
                preview=together(may_everything, open_to({"AWS": PLACE.iam_arn("root")})),
            )
        ),
        Row(
            "assumes the tracking server's role",
            "sts:AssumeRole",
            _role("ml-platform-tracking"),
            _TRUSTED,
            together(_TRUSTED, unbounded),
            resource_policy=prod_role("ml-platform-tracking").trust,
            preview=_TRUSTED,
        ),
        Row(
            "assumes a role that trusts the account",
            "sts:AssumeRole",
            PLACE.iam_arn("role/admin"),
            never,
            outside,
            resource_policy={
                **_TRUSTING,
                "Statement": [
                    {"Effect": "Allow", "Principal": {"AWS": PLACE.iam_arn("root")}, "Action": "sts:AssumeRole"}
                ],
            },
        ),
        shown(
            Row("gives a role without the boundary a policy", "iam:PutRolePolicy", _role("admin"), _BOUNDED, outside)
        ),
        shown(
            Row("removes the boundary of a role", "iam:DeleteRolePermissionsBoundary", NEW_ROLE, never, outside, WITHIN)
        ),
        Row(
            "puts the boundary on another role",
            "iam:PutRolePermissionsBoundary",
            _role("admin"),
            never,
            outside,
            WITHIN,
        ),
        shown(Row("changes the boundary", "iam:CreatePolicyVersion", PLACE.boundary, never, outside)),
        Row("brings back an old boundary", "iam:SetDefaultPolicyVersion", PLACE.boundary, never, outside),
        Row("deletes the boundary", "iam:DeletePolicy", PLACE.boundary, never, outside),
        Row("changes its own attached policy", "iam:CreatePolicyVersion", _policy("ci-deploy-data"), never, outside),
        Row("creates a policy", "iam:CreatePolicy", _policy("wide"), never, outside),
        shown(Row("gives itself a policy", "iam:PutRolePolicy", own, without_denials, outside, WITHIN)),
        Row("attaches a policy to itself", "iam:AttachRolePolicy", own, without_denials, outside, WITHIN),
        Row("takes a policy from itself", "iam:DeleteRolePolicy", own, without_denials, outside, WITHIN),
        Row("changes who may assume it", "iam:UpdateAssumeRolePolicy", own, without_denials, outside, WITHIN),
        Row("makes its sessions longer", "iam:UpdateRole", own, without_denials, outside, WITHIN),
        Row("changes its own tags", "iam:TagRole", own, without_denials, outside),
        Row("deletes itself", "iam:DeleteRole", own, without_denials, outside, WITHIN),
        Row("gives the preview role a policy", "iam:PutRolePolicy", other, without_denials, outside, WITHIN),
        shown(
            Row(
                "changes another stack's deploy role",
                "iam:UpdateAssumeRolePolicy",
                _SIBLING_PIPELINE,
                _BOUNDED,
                outside,
            )
        ),
        Row(
            "gives another stack's role a policy",
            "iam:PutRolePolicy",
            _SIBLING_ROLE,
            _BOUNDED,
            outside,
            {BOUNDED: SIBLING.boundary},
        ),
        Row("tags another stack's role", "iam:TagRole", _SIBLING_ROLE, _TAGGED, outside, SIBLINGS),
        Row("tags a role of the stack", "iam:TagRole", NEW_ROLE, yes, outside, {**OWN, **NEW}),
        Row(
            "gives a foreign role a policy",
            "iam:PutRolePolicy",
            PLACE.iam_arn("role/admin"),
            about_everything,
            outside,
            WITHIN,
        ),
        *_passing(own),
        shown(Row("creates a user", "iam:CreateUser", PLACE.iam_arn("user/someone"), never, outside)),
        Row("creates an access key", "iam:CreateAccessKey", PLACE.iam_arn("user/someone"), never, outside),
        shown(
            Row(
                "changes the identity provider that it logs in with",
                "iam:UpdateOpenIDConnectProviderThumbprint",
                PLACE.github,
                never,
                outside,
            )
        ),
        Row("adds an audience to it", "iam:AddClientIDToOpenIDConnectProvider", PLACE.github, never, outside),
    ]


def _passing(own: str) -> list[Row]:
    node, pod = PLACE.role_arn("node"), PLACE.role_arn("vision-training-digits")
    to_ec2, to_eks, to_pods, to_s3 = ({PASSED: f"{each}.amazonaws.com"} for each in ("ec2", "eks", "pods.eks", "s3"))
    linked = {each: PLACE.iam_arn(f"role/aws-service-role/{each}.amazonaws.com/x") for each in ("eks", "support")}
    return [
        Row("passes the cluster's role to EKS", "iam:PassRole", PLACE.role_arn("cluster"), yes, outside, to_eks),
        Row("passes the nodes' role to EC2", "iam:PassRole", node, yes, yes, to_ec2),
        Row("passes a pod's role to EKS Pod Identity", "iam:PassRole", pod, yes, outside, to_pods),
        Row(
            "passes the flow logs' role to them",
            "iam:PassRole",
            PLACE.role_arn("flow"),
            yes,
            outside,
            {PASSED: "vpc-flow-logs.amazonaws.com"},
        ),
        shown(
            Row(
                "passes a role to Lambda",
                "iam:PassRole",
                node,
                without_condition(PASSED),
                outside,
                {PASSED: "lambda.amazonaws.com"},
            )
        ),
        Row(
            "passes the role that replicates objects to S3",
            "iam:PassRole",
            PLACE.role_arn("replication"),
            yes,
            outside,
            to_s3,
        ),
        Row("passes another role to S3", "iam:PassRole", node, about_everything, outside, to_s3),
        Row("passes a pod's role to EC2", "iam:PassRole", pod, without_condition(PASSED), outside, to_ec2),
        Row("passes its own role to EKS Pod Identity", "iam:PassRole", own, without_denials, outside, to_pods),
        Row(
            "passes another stack's role to EC2",
            "iam:PassRole",
            _SIBLING_ROLE,
            about_everything,
            outside,
            to_ec2,
        ),
        Row(
            "creates EKS's service-linked role",
            "iam:CreateServiceLinkedRole",
            linked["eks"],
            yes,
            outside,
            {LINKED: "eks.amazonaws.com"},
        ),
        Row(
            "creates the service-linked role of another service",
            "iam:CreateServiceLinkedRole",
            linked["support"],
            without_condition(LINKED),
            outside,
            {LINKED: "support.amazonaws.com"},
        ),
    ]


def keys() -> list[Row]:
    """Keys of the stack, and all others."""
    safe = {BYPASS: "false"}
    own, state = {ALIASES: [PLACE.key_alias("artifacts")]}, {ALIASES: ["alias/ml-platform-state"]}
    alias, other_alias = (PLACE.arn("kms", each.key_alias("artifacts")) for each in (PLACE, SIBLING))
    foreign = PLACE.arn("kms", "key/11111111-0000-4000-8000-000000000000")

    def of_stack(does: str, action: str, made: Verdict = outside, aliased: bool = True) -> Row:
        return Row(does, action, KEY, yes, made, own if aliased else {}, key_policy())

    def of_others(does: str, action: str, made: Verdict = outside, context: Context | None = None) -> Row:
        return Row(does, action, foreign, never, made, context or {}, DELEGATED)

    return [
        shown(Row("creates a key with the stack's tags", "kms:CreateKey", "*", yes, outside, {**NEW, **safe})),
        Row("creates a key without them", "kms:CreateKey", "*", without_condition(REQUEST_TAG), outside, safe),
        Row(
            "creates a key that locks others out",
            "kms:CreateKey",
            "*",
            without_condition(BYPASS),
            outside,
            {**NEW, BYPASS: "true"},
        ),
        Row(
            "creates a key elsewhere",
            "kms:CreateKey",
            "*",
            without_condition(REGION),
            outside,
            {**NEW, **safe, REGION: "us-east-1"},
        ),
        shown(of_stack("changes the policy of a key of the stack", "kms:PutKeyPolicy")),
        of_stack("schedules the deletion of a key of the stack", "kms:ScheduleKeyDeletion"),
        of_stack("creates a grant for a key of the stack", "kms:CreateGrant", yes),
        shown(of_stack("decrypts with a key of the stack", "kms:Decrypt", yes)),
        of_stack("gives a new key its alias", "kms:CreateAlias", aliased=False),
        Row("names a key of the stack", "kms:CreateAlias", alias, yes, outside),
        shown(of_others("changes the policy of a foreign key", "kms:PutKeyPolicy")),
        shown(of_others("schedules the deletion of a foreign key", "kms:ScheduleKeyDeletion")),
        of_others("disables a foreign key", "kms:DisableKey"),
        of_others("creates a grant for a foreign key", "kms:CreateGrant"),
        shown(of_others("decrypts with a foreign key", "kms:Decrypt")),
        of_others(
            "decrypts with another stack's key", "kms:Decrypt", context={ALIASES: [SIBLING.key_alias("artifacts")]}
        ),
        shown(of_others("gives a foreign key an alias of the stack", "kms:CreateAlias")),
        of_others("moves an alias of the stack to a foreign key", "kms:UpdateAlias"),
        of_others("changes a foreign key with the stack's tag", "kms:PutKeyPolicy", context=OWN),
        shown(
            Row(
                "puts the stack's tags, which allow nothing, on a foreign key",
                "kms:TagResource",
                foreign,
                yes,
                outside,
                NEW,
                DELEGATED,
            )
        ),
        Row(
            "puts other tags on a foreign key",
            "kms:TagResource",
            foreign,
            without_condition(REQUEST_TAG, "aws:TagKeys"),
            outside,
            {"aws:RequestTag/owner": "x", "aws:TagKeys": ["owner"]},
            DELEGATED,
        ),
        Row("tags another stack's key", "kms:TagResource", foreign, _TAGGED, outside, {**NEW, **SIBLINGS}, DELEGATED),
        of_others("takes a tag from a foreign key", "kms:UntagResource"),
        Row("moves another stack's alias", "kms:UpdateAlias", other_alias, about_everything, outside),
        Row(
            "moves the alias of the key of Pulumi's secrets",
            "kms:UpdateAlias",
            PLACE.arn("kms", "alias/ml-platform-state"),
            about_everything,
            outside,
        ),
        Row("decrypts Pulumi's secrets", "kms:Decrypt", foreign, yes, outside, state, DELEGATED),
        of_others("changes the key of Pulumi's secrets", "kms:PutKeyPolicy", context=state),
    ]


def secrets() -> list[Row]:
    """Secrets and databases."""

    def secret(name: str) -> str:
        return PLACE.arn("secretsmanager", f"secret:{name}")

    read, token = "secretsmanager:GetSecretValue", secret(f"{PLACE.name}/vision/token-AbCdEf")
    database, other = (PLACE.arn("rds", f"db:{each.name}-tracking") for each in (PLACE, SIBLING))
    foreign, snapshot = PLACE.arn("rds", "db:someone-else"), PLACE.arn("rds", "snapshot:someone-else")
    owner = next(iter(OWN_DATABASE))
    deleted, copies = (place.arn("rds", "auto-backup:ab-1") for place in (PLACE, SECOND))
    there = {REGION: SECOND.region}
    alarm = PLACE.arn("cloudwatch", f"alarm:{PLACE.name}-tracking-storage")
    notifies = {"cloudwatch:AlarmActions": [PLACE.arn("sns", f"{PLACE.name}-alerts")]}
    return [
        shown(Row("reads a team's secret", read, token, yes, outside)),
        shown(Row("reads the login of the stack's database", read, secret(LOGIN), about_everything, yes, OWN_DATABASE)),
        *(
            Row(f"reads {what}", read, secret(name), about_everything, outside, context)
            for what, (name, context) in FOREIGN_SECRETS.items()
        ),
        Row(
            "changes the login of a foreign database",
            "secretsmanager:PutSecretValue",
            secret(LOGIN),
            about_everything,
            outside,
        ),
        Row(
            "tags the login of a foreign database",
            "secretsmanager:TagResource",
            secret(LOGIN),
            without_condition(owner),
            outside,
            {owner: foreign},
        ),
        Row(
            "tags the login of a foreign Aurora cluster",
            "secretsmanager:TagResource",
            secret(LOGIN),
            without_condition("aws:ResourceTag/aws:rds:primaryDBClusterArn"),
            outside,
            {"aws:ResourceTag/aws:rds:primaryDBClusterArn": PLACE.arn("rds", "cluster:someone-else")},
        ),
        Row("creates a login through RDS", "secretsmanager:CreateSecret", secret(LOGIN), yes, outside),
        Row(
            "rotates the login of the stack's database",
            "secretsmanager:RotateSecret",
            secret(LOGIN),
            yes,
            outside,
            OWN_DATABASE,
        ),
        shown(Row("changes the stack's database", "rds:ModifyDBInstance", database, yes, outside)),
        Row("deletes the stack's database", "rds:DeleteDBInstance", database, yes, outside, OWN),
        Row(
            "shares a snapshot of it",
            "rds:ModifyDBSnapshotAttribute",
            PLACE.arn("rds", f"snapshot:{PLACE.name}-x"),
            yes,
            outside,
        ),
        shown(Row("deletes a foreign database", "rds:DeleteDBInstance", foreign, about_everything, outside)),
        Row("gives a foreign database a new password", "rds:ModifyDBInstance", foreign, about_everything, outside),
        Row("deletes another stack's database", "rds:DeleteDBInstance", other, _TAGGED, outside, SIBLINGS),
        Row("copies a foreign database", "rds:RestoreDBInstanceFromDBSnapshot", snapshot, about_everything, outside),
        shown(
            Row("lets an alarm notify the stack's topic", "cloudwatch:PutMetricAlarm", alarm, yes, outside, notifies)
        ),
        shown(
            Row(
                "lets an alarm terminate an instance",
                "cloudwatch:PutMetricAlarm",
                alarm,
                without_condition("cloudwatch:AlarmActions"),
                outside,
                {"cloudwatch:AlarmActions": [f"arn:aws:automate:{PLACE.region}:ec2:terminate"]},
            )
        ),
        Row("copies a deleted database", "rds:RestoreDBInstanceToPointInTime", deleted, about_everything, outside),
        Row("replicates its backups", "rds:StartDBInstanceAutomatedBackupsReplication", copies, yes, outside, there),
        Row(
            "restores a database in the second region",
            "rds:RestoreDBInstanceToPointInTime",
            copies,
            about_everything,
            outside,
            there,
        ),
        Row("deletes the copy of the artifacts", "s3:DeleteBucket", SECOND.bucket_arn("replica"), yes, outside, there),
    ]


def machines() -> list[Row]:
    """Networks, machines, disks, load balancers and the cluster."""
    vpc, subnet, machine, disk = (
        ec2(each) for each in ("vpc/vpc-1", "subnet/subnet-1", "instance/i-1", "volume/vol-1")
    )
    group, interface = ec2("security-group/sg-1"), ec2("network-interface/eni-1")
    balancer = PLACE.arn("elasticloadbalancing", "loadbalancer/net/x/1")
    image = f"arn:aws:ec2:{PLACE.region}::image/ami-1"
    untagged, cluster = (
        without_condition(RESOURCE_TAG),
        together(without_condition(RESOURCE_TAG), without_condition(CLUSTER_TAG)),
    )
    there = vpc.replace(PLACE.region, "us-east-1")
    return [
        Row("creates a network", "ec2:CreateVpc", vpc, yes, outside, NEW),
        Row("creates a network without the stack's tag", "ec2:CreateVpc", vpc, without_condition(REQUEST_TAG), outside),
        shown(Row("deletes the stack's network", "ec2:DeleteVpc", vpc, yes, outside, OWN)),
        shown(Row("deletes a foreign network", "ec2:DeleteVpc", vpc, untagged, outside)),
        Row("deletes another stack's network", "ec2:DeleteVpc", vpc, untagged, outside, SIBLINGS),
        Row(
            "deletes a network in another region",
            "ec2:DeleteVpc",
            there,
            about_everything,
            outside,
            {**OWN, REGION: "us-east-1"},
        ),
        shown(Row("tags a foreign network as the stack's", "ec2:CreateTags", vpc, cluster, outside, NEW)),
        Row("tags its new network", "ec2:CreateTags", vpc, yes, yes, created_by("CreateVpc")),
        Row("puts a subnet into a foreign network", "ec2:CreateSubnet", vpc, untagged, outside),
        Row("opens a foreign security group", "ec2:AuthorizeSecurityGroupIngress", group, untagged, outside),
        Row("changes the routes of a foreign network", "ec2:CreateRoute", ec2("route-table/rtb-1"), untagged, outside),
        Row("starts an instance in the stack's network", "ec2:RunInstances", subnet, yes, yes, OWN),
        shown(Row("starts an instance in a foreign network", "ec2:RunInstances", subnet, untagged, yes)),
        shown(Row("starts an instance", "ec2:RunInstances", image, together(untagged, about_everything), yes)),
        Row("terminates a node of the stack", "ec2:TerminateInstances", machine, untagged, yes, OF_CLUSTER),
        shown(Row("terminates a foreign instance", "ec2:TerminateInstances", machine, untagged, outside)),
        Row(
            "terminates a foreign cluster's node",
            "ec2:TerminateInstances",
            machine,
            untagged,
            outside,
            OF_FOREIGN_CLUSTER,
        ),
        Row(
            "tags a foreign instance as a node of the stack",
            "ec2:CreateTags",
            machine,
            untagged,
            outside,
            {"aws:RequestTag/eks:eks-cluster-name": PLACE.name},
        ),
        shown(Row("creates a snapshot of a foreign volume", "ec2:CreateSnapshot", disk, untagged, outside)),
        Row("deletes a foreign volume", "ec2:DeleteVolume", disk, untagged, outside),
        shown(Row("detaches a foreign network interface", "ec2:DetachNetworkInterface", interface, untagged, outside)),
        Row(
            "deletes a load balancer of the cluster",
            "elasticloadbalancing:DeleteLoadBalancer",
            balancer,
            never,
            yes,
            OF_CLUSTER,
        ),
        Row(
            "deletes a foreign load balancer",
            "elasticloadbalancing:DeleteLoadBalancer",
            balancer,
            never,
            outside,
            OF_FOREIGN_CLUSTER,
        ),
        Row("creates the cluster", "eks:CreateCluster", "*", yes, outside, NEW),
        Row(
            "creates a cluster without the stack's tag",
            "eks:CreateCluster",
            "*",
            without_condition(REQUEST_TAG),
            outside,
        ),
        shown(
            Row(
                "creates an access entry in the stack's cluster",
                "eks:CreateAccessEntry",
                PLACE.cluster_arn,
                yes,
                outside,
            )
        ),
        Row("deletes the stack's cluster", "eks:DeleteCluster", PLACE.cluster_arn, yes, outside),
        Row(
            "reads about the stack's cluster",
            "eks:DescribeCluster",
            PLACE.cluster_arn,
            yes,
            yes,
            preview=yes,
        ),
        shown(
            Row(
                "creates an access entry in a foreign cluster",
                "eks:CreateAccessEntry",
                FOREIGN_CLUSTER,
                about_everything,
                outside,
            )
        ),
        Row(
            "creates an access entry in another stack's cluster",
            "eks:CreateAccessEntry",
            SIBLING.cluster_arn,
            about_everything,
            outside,
        ),
        Row("deletes a foreign cluster", "eks:DeleteCluster", FOREIGN_CLUSTER, about_everything, outside),
    ]


def data() -> list[Row]:
    """Buckets, images, logs, metrics, dashboards, topics and Pulumi's state."""
    bucket, other = (each.bucket_arn("artifacts") for each in (PLACE, SIBLING))
    mine, theirs = (f"{STATE}/.pulumi/stacks/ml-platform/{each.stack}.json" for each in (PLACE, SIBLING))
    image, foreign = (PLACE.arn("ecr", f"repository/{name}") for name in (f"{PLACE.name}/base", "someone/else"))
    logs, other_logs = (PLACE.arn("logs", f"log-group:{name}") for name in (f"/{PLACE.name}/flow", "/someone/else"))
    board = PLACE.arn("grafana", "/workspaces/g-1")
    tag = together(_TAGGED, about_everything)
    return [
        shown(Row("reads the stack's files", "s3:GetObject", f"{bucket}/a", yes, yes, resource_policy=bucket_policy())),
        Row("changes the policy of the stack's bucket", "s3:PutBucketPolicy", bucket, yes, yes),
        shown(Row("reads a foreign bucket", "s3:GetObject", "arn:aws:s3:::someone-else/a", about_everything, outside)),
        Row("reads another stack's files", "s3:GetObject", f"{other}/a", about_everything, outside),
        shown(Row("writes the stack's state", "s3:PutObject", mine, yes, outside)),
        Row("lists states", "s3:ListBucket", STATE, yes, outside),
        Row(
            "locks the state",
            "s3:PutObject",
            f"{STATE}/.pulumi/locks/organization/ml-platform/{PLACE.stack}/1.json",
            yes,
            outside,
        ),
        shown(Row("reads another stack's state", "s3:GetObject", theirs, about_everything, outside)),
        Row("writes another stack's state", "s3:PutObject", theirs, about_everything, outside),
        Row("deletes the state's bucket", "s3:DeleteBucket", STATE, about_everything, outside),
        Row("pushes an image of the stack", "ecr:PutImage", image, yes, outside),
        Row("pulls an image of the stack", "ecr:BatchGetImage", image, yes, yes),
        shown(Row("deletes a foreign image", "ecr:BatchDeleteImage", foreign, about_everything, outside)),
        Row(
            "pulls a foreign image",
            "ecr:BatchGetImage",
            foreign,
            about_everything,
            outside,
            {"aws:ResourceAccount": PLACE.account},
        ),
        shown(
            Row("changes the account's pull-through cache rules", "ecr:DeletePullThroughCacheRule", "*", yes, outside)
        ),
        Row("opens the registry to another account", "ecr:PutRegistryPolicy", "*", never, outside),
        Row("deletes the stack's logs", "logs:DeleteLogGroup", logs, yes, outside),
        shown(Row("deletes foreign logs", "logs:DeleteLogGroup", other_logs, about_everything, outside)),
        Row("deletes the stack's metrics", "aps:DeleteWorkspace", WORKSPACE, yes, outside, OWN),
        shown(Row("deletes foreign metrics", "aps:DeleteWorkspace", WORKSPACE, _TAGGED, outside)),
        Row("tags foreign metrics as the stack's", "aps:TagResource", WORKSPACE, _TAGGED, outside, NEW),
        Row("reads the stack's metrics", "aps:QueryMetrics", WORKSPACE, yes, yes, OWN),
        Row("reads foreign metrics", "aps:QueryMetrics", WORKSPACE, _TAGGED, outside),
        Row("changes the stack's Grafana", "grafana:UpdatePermissions", board, yes, outside, OWN),
        Row("changes a foreign Grafana", "grafana:UpdatePermissions", board, _TAGGED, outside),
        Row(
            "makes a token for a foreign Grafana", "grafana:CreateWorkspaceServiceAccountToken", board, _TAGGED, outside
        ),
        Row("deletes a topic of the stack", "sns:DeleteTopic", TOPIC, yes, outside, OWN, topic_policy()),
        Row("deletes a foreign topic", "sns:DeleteTopic", PLACE.arn("sns", "someone-else"), tag, outside),
        Row("deletes another stack's topic", "sns:DeleteTopic", f"{TOPIC}-2", _TAGGED, outside, SIBLINGS),
    ]


def others() -> list[Row]:
    """Other services, and what the preview role reads."""

    def reading(does: str, action: str, resource: str, preview: Verdict = yes, made: Verdict = outside) -> Row:
        return Row(does, action, resource, yes, made, preview=preview)

    return [
        shown(
            Row("creates a Lambda function", "lambda:CreateFunction", PLACE.arn("lambda", "function:x"), never, outside)
        ),
        Row("runs a command on a machine", "ssm:SendCommand", ec2("instance/i-1"), never, outside),
        shown(
            Row(
                "stops a CloudTrail trail", "cloudtrail:StopLogging", PLACE.arn("cloudtrail", "trail/x"), never, outside
            )
        ),
        Row("makes buckets of the account public", "s3:PutAccountPublicAccessBlock", "*", never, outside),
        Row("tags any resource", "tag:TagResources", "*", never, outside),
        shown(reading("lists instance types", "ec2:DescribeInstanceTypes", "*", made=yes)),
        reading("reads the account's quotas", "servicequotas:GetServiceQuota", PLACE.arn("servicequotas", "ec2/L-1")),
        reading("reads about GitHub's identity provider", "iam:GetOpenIDConnectProvider", PLACE.github),
        reading("lists instances", "ec2:DescribeInstances", "*", never, yes),
        reading("lists roles", "iam:ListRoles", "*", never),
    ]


SECTIONS: dict[str, Callable[[], list[Row]]] = {
    "roles": roles,
    "keys": keys,
    "secrets and databases": secrets,
    "networks, machines, clusters": machines,
    "data": data,
    "other services": others,
}


def rows() -> list[Row]:
    return [row for section in SECTIONS.values() for row in section()]
