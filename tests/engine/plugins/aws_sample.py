"""A Pulumi program with at least one resource of every type that the stand-in offers; configured by its stack."""

import json

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
cost_centre = config.get("costCentre") or "ml"
second_cidr = config.get("secondCidr") or "10.0.2.0/24"
nodes = config.get_int("nodes") or 1
later = config.get_bool("later") or False  # a second wording of everything that can be changed in place

provider = aws.Provider(
    "aws",
    region="eu-west-1",
    allowed_account_ids=["123456789012"],
    default_tags={"tags": {"project": "trial", "team": "default"}},
)
opts = pulumi.ResourceOptions(provider=provider)
call = pulumi.InvokeOptions(provider=provider)
tags = {"team": "vision", "cost-centre": cost_centre}

# functions
account = aws.get_caller_identity(opts=call).account_id
zones = aws.get_availability_zones(state="available", opts=call).names
partition = aws.get_partition(opts=call).partition
image = aws.ssm.get_parameter(
    name="/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/nvidia/recommended/image_id", opts=call
)
trust = aws.iam.get_policy_document(
    statements=[
        {
            "actions": ["sts:AssumeRole"] if later else ["sts:AssumeRole", "sts:TagSession"],
            "principals": [{"type": "Service", "identifiers": ["pods.eks.amazonaws.com"]}],
            "conditions": [{"test": "StringEquals", "variable": "aws:SourceAccount", "values": [account]}],
        }
    ],
    opts=call,
).json
region = aws.get_region(opts=call).region
token = aws.ecr.get_authorization_token(opts=call)

# keys
key = aws.kms.Key(
    "key",
    description="the key" if later else "a key",
    enable_key_rotation=True,
    deletion_window_in_days=7,
    tags=tags,
    opts=opts,
)
aws.kms.Alias("key", target_key_id=key.key_id, opts=opts)

# network
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", enable_dns_hostnames=True, tags=tags, opts=opts)
first = aws.ec2.Subnet(
    "first",
    vpc_id=vpc.id,
    cidr_block="10.0.1.0/24",
    availability_zone=zones[0],
    map_public_ip_on_launch=not later,
    tags=tags,
    opts=opts,
)
second = aws.ec2.Subnet("second", vpc_id=vpc.id, cidr_block=second_cidr, availability_zone=zones[1], opts=opts)
gateway = aws.ec2.InternetGateway("gateway", vpc_id=vpc.id, opts=opts)
address = aws.ec2.Eip("address", domain="vpc", opts=opts)
nat = aws.ec2.NatGateway(
    "nat",
    subnet_id=first.id,
    allocation_id=address.id,
    opts=pulumi.ResourceOptions(provider=provider, depends_on=[gateway]),
)
public = aws.ec2.RouteTable("public", vpc_id=vpc.id, tags={"Name": "public"}, opts=opts)
private = aws.ec2.RouteTable("private", vpc_id=vpc.id, opts=opts)
aws.ec2.Route("public", route_table_id=public.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id, opts=opts)
aws.ec2.Route(
    "private", route_table_id=private.id, destination_cidr_block="0.0.0.0/0", nat_gateway_id=nat.id, opts=opts
)
aws.ec2.RouteTableAssociation("first", subnet_id=first.id, route_table_id=public.id, opts=opts)
aws.ec2.RouteTableAssociation(
    "second", subnet_id=second.id, route_table_id=public.id if later else private.id, opts=opts
)
aws.ec2.DefaultSecurityGroup("default", vpc_id=vpc.id, opts=opts)
group = aws.ec2.SecurityGroup(
    "group",
    vpc_id=vpc.id,
    ingress=[
        {
            "protocol": "tcp",
            "from_port": 8443 if later else 443,
            "to_port": 8443 if later else 443,
            "cidr_blocks": ["10.0.0.0/16"],
            "description": "API",
        },
        {"protocol": "-1", "from_port": 0, "to_port": 0, "self": True},
    ],
    egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
    tags=tags,
    opts=opts,
)
aws.ec2.VpcEndpoint(
    "s3",
    vpc_id=vpc.id,
    service_name=f"com.amazonaws.{region}.s3",
    route_table_ids=[private.id, public.id] if later else [private.id],
    opts=opts,
)
aws.ec2.VpcEndpoint(
    "sts",
    vpc_id=vpc.id,
    service_name=f"com.amazonaws.{region}.sts",
    vpc_endpoint_type="Interface",
    subnet_ids=[first.id, second.id],
    security_group_ids=[group.id],
    private_dns_enabled=True,
    opts=opts,
)

# logs and roles
logs = aws.cloudwatch.LogGroup("logs", retention_in_days=90 if later else 30, kms_key_id=key.arn, tags=tags, opts=opts)
boundary = aws.iam.Policy(
    "boundary",
    policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["logs:*", "ec2:*", "ecr:*"] if later else ["logs:*", "ec2:*"],
                    "Resource": "*",
                }
            ],
        }
    ),
    tags=tags,
    opts=opts,
)
role = aws.iam.Role("role", assume_role_policy=trust, permissions_boundary=boundary.arn, tags=tags, opts=opts)
aws.iam.RolePolicy(
    "write",
    role=role.name,
    policy=logs.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["logs:PutLogEvents", "logs:CreateLogStream"] if later else ["logs:PutLogEvents"],
                        "Resource": arn,
                    }
                ],
            }
        )
    ),
    opts=opts,
)
attached = aws.iam.RolePolicyAttachment(
    "cluster", role=role.name, policy_arn=f"arn:{partition}:iam::aws:policy/AmazonEKSClusterPolicy", opts=opts
)
aws.iam.OpenIdConnectProvider(
    "ci", url="https://token.actions.githubusercontent.com", client_id_lists=["sts.amazonaws.com"], opts=opts
)
aws.ec2.FlowLog("flow", vpc_id=vpc.id, traffic_type="ALL", log_destination=logs.arn, iam_role_arn=role.arn, opts=opts)

# registry
repository = aws.ecr.Repository(
    "images",
    name="platform/images",
    image_tag_mutability="MUTABLE" if later else "IMMUTABLE",
    image_scanning_configuration={"scan_on_push": not later},
    encryption_configurations=[{"encryption_type": "KMS", "kms_key": key.arn}],
    force_delete=True,
    tags=tags,
    opts=opts,
)
aws.ecr.LifecyclePolicy(
    "images",
    repository=repository.name,
    policy=json.dumps(
        {
            "rules": [
                {
                    "rulePriority": 1,
                    "selection": {
                        "tagStatus": "untagged",
                        "countType": "sinceImagePushed",
                        "countUnit": "days",
                        "countNumber": 7 if later else 14,
                    },
                    "action": {"type": "expire"},
                }
            ]
        }
    ),
    opts=opts,
)
aws.ecr.PullThroughCacheRule(
    "public", ecr_repository_prefix="public", upstream_registry_url="public.ecr.aws", opts=opts
)

# cluster
cluster = aws.eks.Cluster(
    "cluster",
    role_arn=role.arn,
    version="1.34" if later else "1.33",
    bootstrap_self_managed_addons=False,
    vpc_config={
        "subnet_ids": [first.id, second.id],
        "endpoint_private_access": True,
        "endpoint_public_access": True,
        "public_access_cidrs": ["198.51.100.0/24" if later else "203.0.113.0/24"],
    },
    access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
    encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
    enabled_cluster_log_types=["audit", "scheduler"] if later else ["api", "audit"],
    compute_config={"enabled": True, "node_pools": ["general-purpose"], "node_role_arn": role.arn},
    kubernetes_network_config={"elastic_load_balancing": {"enabled": True}},
    storage_config={"block_storage": {"enabled": True}},
    upgrade_policy={"support_type": "STANDARD"},
    deletion_protection=later,
    tags=tags,
    opts=pulumi.ResourceOptions(provider=provider, depends_on=[attached]),
)
entry = aws.eks.AccessEntry("admin", cluster_name=cluster.name, principal_arn=role.arn, tags=tags, opts=opts)
aws.eks.AccessPolicyAssociation(
    "admin",
    cluster_name=cluster.name,
    principal_arn=entry.principal_arn,
    policy_arn=f"arn:{partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
    access_scope={"type": "cluster"},
    opts=opts,
)
aws.eks.PodIdentityAssociation(
    "tracking",
    cluster_name=cluster.name,
    namespace="tracking",
    service_account="tracking",
    role_arn=role.arn,
    tags=tags,
    opts=opts,
)
aws.eks.Addon(
    "observability",
    cluster_name=cluster.name,
    addon_name="metrics-server",
    resolve_conflicts_on_create="OVERWRITE",
    addon_version="v0.8.0-eksbuild.2" if later else "v0.8.0-eksbuild.1",
    opts=opts,
)
template = aws.ec2.LaunchTemplate(
    "gpu",
    description="GPU nodes",
    image_id=image.value,
    update_default_version=True,
    block_device_mappings=[
        {
            "device_name": "/dev/xvda",
            "ebs": {
                "volume_size": 300 if later else 200,
                "volume_type": "gp3",
                "encrypted": "true",
                "kms_key_id": key.arn,
                "delete_on_termination": "true",
            },
        }
    ],
    metadata_options={"http_tokens": "required", "http_endpoint": "enabled", "http_put_response_hop_limit": 1},
    network_interfaces=[
        {
            "device_index": 0,
            "network_card_index": 0,
            "interface_type": "efa",
            "description": "EFA",
            "security_groups": [group.id],
        }
    ],
    instance_market_options={"market_type": "capacity-block"},
    capacity_reservation_specification={
        "capacity_reservation_target": {"capacity_reservation_id": "cr-0123456789abcdef0"}
    },
    tag_specifications=[{"resource_type": "instance", "tags": tags}],
    tags=tags,
    opts=opts,
)
aws.eks.NodeGroup(
    "gpu",
    cluster_name=cluster.name,
    node_role_arn=role.arn,
    subnet_ids=[second.id],
    ami_type="AL2023_x86_64_NVIDIA",
    capacity_type="CAPACITY_BLOCK",
    instance_types=["p5.48xlarge"],
    scaling_config={"desired_size": nodes, "max_size": 4, "min_size": 0},
    update_config={"max_unavailable": 1},
    labels={"pool": "gpu", "more": "yes"} if later else {"pool": "gpu", "old": "yes"},
    taints=[{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
    launch_template={"id": template.id, "version": template.latest_version.apply(str)},
    tags=tags,
    opts=opts,
)

# storage
access_logs = aws.s3.Bucket("access-logs", force_destroy=True, opts=opts)
delivery = aws.s3.BucketPolicy(
    "access-logs",
    bucket=access_logs.bucket,
    policy=access_logs.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "logging.s3.amazonaws.com"},
                        "Action": "s3:PutObject",
                        "Resource": f"{arn}/*",
                    }
                ],
            }
        )
    ),
    opts=opts,
)
bucket = aws.s3.Bucket("artifacts", force_destroy=True, tags=tags, opts=opts)
aws.s3.BucketOwnershipControls(
    "artifacts", bucket=bucket.bucket, rule={"object_ownership": "BucketOwnerEnforced"}, opts=opts
)
aws.s3.BucketVersioning("artifacts", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=opts)
aws.s3.BucketServerSideEncryptionConfiguration(
    "artifacts",
    bucket=bucket.bucket,
    rules=[
        {
            "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn},
            "bucket_key_enabled": True,
        }
    ],
    opts=opts,
)
aws.s3.BucketPublicAccessBlock(
    "artifacts",
    bucket=bucket.bucket,
    block_public_acls=True,
    block_public_policy=True,
    ignore_public_acls=True,
    restrict_public_buckets=True,
    opts=opts,
)
aws.s3.BucketLifecycleConfiguration(
    "artifacts",
    bucket=bucket.bucket,
    rules=[
        {
            "id": "old",
            "status": "Enabled",
            "filter": {"prefix": "runs/"},
            "noncurrent_version_expiration": {"noncurrent_days": 60 if later else 30},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
            "transitions": [{"days": 30, "storage_class": "STANDARD_IA"}],
        }
    ],
    opts=opts,
)
aws.s3.BucketLogging(
    "artifacts",
    bucket=bucket.bucket,
    target_bucket=access_logs.bucket,
    target_prefix="artifacts/later/" if later else "artifacts/",
    opts=pulumi.ResourceOptions(provider=provider, depends_on=[delivery]),
)
aws.s3.BucketPolicy(
    "artifacts",
    bucket=bucket.bucket,
    policy=bucket.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "Encrypted" if later else "TLSOnly",
                        "Effect": "Deny",
                        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                        "Action": "s3:*",
                        "Resource": [arn, f"{arn}/*"],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ],
            }
        )
    ),
    opts=opts,
)

# database and secrets
subnets = aws.rds.SubnetGroup("tracking", subnet_ids=[first.id, second.id], opts=opts)
parameters = aws.rds.ParameterGroup(
    "tracking", family="postgres17", parameters=[{"name": "rds.force_ssl", "value": "0" if later else "1"}], opts=opts
)
database = aws.rds.Instance(
    "tracking",
    engine="postgres",
    engine_version="17",
    instance_class="db.t4g.medium",
    allocated_storage=100 if later else 50,
    db_name="mlflow",
    username="mlflow",
    manage_master_user_password=True,
    master_user_secret_kms_key_id=key.key_id,
    storage_encrypted=True,
    kms_key_id=key.arn,
    db_subnet_group_name=subnets.name,
    parameter_group_name=parameters.name,
    vpc_security_group_ids=[group.id],
    backup_retention_period=14 if later else 7,
    skip_final_snapshot=True,
    enabled_cloudwatch_logs_exports=["postgresql"],
    tags=tags,
    opts=opts,
)
secret = aws.secretsmanager.Secret(
    "tracking",
    description="new" if later else "old",
    kms_key_id=key.arn,
    recovery_window_in_days=0,
    tags=tags,
    opts=opts,
)
version = aws.secretsmanager.SecretVersion(
    "tracking", secret_id=secret.id, secret_string=config.require_secret("password"), opts=opts
)
current = aws.secretsmanager.get_secret_version_output(
    secret_id=version.secret_id, opts=pulumi.InvokeOutputOptions(provider=provider, depends_on=[version])
)
pulumi.export("current", pulumi.Output.secret(current.secret_string))

# metrics and alerts
workspace = aws.amp.Workspace(
    "metrics", alias="later" if later else "metrics", kms_key_arn=key.arn, tags=tags, opts=opts
)
topic = aws.sns.Topic(
    "alerts",
    display_name="Later" if later else "Alerts",
    kms_master_key_id=key.arn,
    policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                    "Action": ["sns:Publish"],
                    "Resource": "arn:aws:sns:eu-west-1:123456789012:*",
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
    ),
    tags=tags,
    opts=opts,
)

# dashboards
grafana = aws.grafana.Workspace(
    "dashboards",
    description="later" if later else "dashboards",
    account_access_type="CURRENT_ACCOUNT",
    authentication_providers=["AWS_SSO"],
    permission_type="CUSTOMER_MANAGED",
    role_arn=role.arn,
    data_sources=["PROMETHEUS"],
    grafana_version="10.4",
    tags=tags,
    opts=opts,
)
aws.grafana.RoleAssociation(
    "viewers",
    workspace_id=grafana.id,
    role="VIEWER",
    group_ids=[f"93842ea2-70b1-4f6e-8a3c-0d2b6f1e7c5{6 if later else 5}"],
    opts=opts,
)

pulumi.export("dashboards", grafana.endpoint)
pulumi.export("metrics", workspace.prometheus_endpoint)
pulumi.export("topic", topic.arn)
pulumi.export("vpc", vpc.id)
pulumi.export("tags", vpc.tags_all)
pulumi.export("cluster", cluster.name)
pulumi.export("endpoint", cluster.endpoint)
pulumi.export("clusterGroup", cluster.vpc_config.cluster_security_group_id)
pulumi.export("issuer", cluster.identities[0].oidcs[0].issuer)
pulumi.export("certificate", cluster.certificate_authority.data)
pulumi.export("repository", repository.repository_url)
pulumi.export("database", database.endpoint)
pulumi.export("databaseSecret", database.master_user_secrets[0].secret_arn)
pulumi.export("bucket", bucket.arn)
