"""What is like a policy's case: by name, the thing itself and the rule that refuses it, if there is one."""
# ruff: noqa: E501 - a variant is one line

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policies.pods import Manifest, pod

DIGEST = "sha256:" + "0" * 64
ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
GPU = {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"}
GPUS = {"resources": {"requests": GPU, "limits": GPU}}
VISIBLE = {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}


def env(name: str, value: str) -> Manifest:
    return pod({"env": [{"name": name, "value": value}]})


def beside(kind: str, **container: Any) -> Manifest:  # noqa: ANN401
    """The good pod with another container."""
    other = {**pod()["spec"]["containers"][0], "name": "other", **container}
    return pod(spec={kind: [other]})


PODS: Mapping[str, tuple[Manifest, str | None]] = {
    "digest-of-the-account": (pod({"image": f"{ECR}/ml-platform-prod/serving@{DIGEST}"}), None),
    "tag-of-the-own-registry": (pod({"image": "127.0.0.1:5000/ml-platform/serving:latest"}), "images-by-digest"),
    "digest-from-elsewhere": (pod({"image": f"docker.io/library/python@{DIGEST}"}), "images-by-digest"),
    "registry-in-the-middle": (pod({"image": f"docker.io/127.0.0.1:5000/serving@{DIGEST}"}), "images-by-digest"),
    "image-of-an-init-container": (beside("initContainers", image="busybox"), "images-by-digest"),
    "user-of-number-nought": (pod({"securityContext": {"runAsUser": 0}}), "no-root-containers"),
    "container-beats-its-pod": (pod({"securityContext": {"runAsUser": 1000}}, {"securityContext": {"runAsNonRoot": True, "runAsUser": 0}}), None),
    "nobody-says-who": (pod(spec={"securityContext": {}}), "no-root-containers"),
    "privileged-init-container": (beside("initContainers", securityContext={"privileged": True}), "no-privileged-containers"),
    "processes-of-the-node": (pod(spec={"hostPID": True}), "no-host-namespaces"),
    "memory-of-the-node": (pod(spec={"hostIPC": True}), "no-host-namespaces"),
    "limits-without-memory": (pod({"resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1"}}}), "requests-and-limits"),
    "init-container-without-any": (beside("initContainers", resources={}), "requests-and-limits"),
    "debug-container-without-any": (beside("ephemeralContainers", resources=None), None),
    "gpu-of-another-taint": (pod(GPUS, {"tolerations": [{"key": "team", "operator": "Exists"}]}), "gpus-with-limits-and-tolerations"),
    "gpu-for-whoever-goes-anywhere": (pod(GPUS, {"tolerations": [{"operator": "Exists"}]}), None),
    "gpu-by-a-variable": (pod({"env": [VISIBLE]}), "gpus-with-limits-and-tolerations"),
    "no-gpu-by-a-variable": (env("NVIDIA_VISIBLE_DEVICES", "void"), None),
    "tolerant-without-a-gpu": (pod(spec={"tolerations": [{"operator": "Exists"}]}), None),
    "password-in-an-address": (env("DATABASE", "postgresql://mlflow:hunter2@database:5432/mlflow"), "no-secrets-in-environment"),
    "address-without-a-password": (env("DATABASE", "postgresql://mlflow@database:5432/mlflow"), None),
    "key-of-an-account": (env("AWS_ID", "AKIAIOSFODNN7EXAMPLE"), "no-secrets-in-environment"),
    "key-in-full": (env("TLS", "-----BEGIN RSA PRIVATE KEY-----"), "no-secrets-in-environment"),
    "token-in-small-letters": (env("hf_token", "abc"), "no-secrets-in-environment"),
    "many-tokens": (env("MAX_TOKENS", "4096"), None),
    "tokenizers": (env("TOKENIZERS_PARALLELISM", "false"), None),
    "secret-by-its-name": (env("LOGIN_SECRET", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:login"), None),
    "secret-by-reference": (
        pod({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}}]}),
        "no-secrets-in-environment",
    ),
    "all-of-a-secret": (pod({"envFrom": [{"secretRef": {"name": "login"}}]}), "no-secrets-in-environment"),
    "field-of-the-pod": (pod({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}), None),
}  # fmt: skip
OTHERS: Mapping[str, tuple[str, str | None]] = {
    "job": (
        'kubernetes.batch.v1.Job(name, metadata={"name": name}, spec={"template": {"spec": BAD}})',
        "no-host-paths",
    ),
    "cron-job": (
        'job = {"template": {"spec": BAD}}\n'
        "kubernetes.batch.v1.CronJob("
        'name, metadata={"name": name}, spec={"schedule": "@daily", "jobTemplate": {"spec": job}})',
        "no-host-paths",
    ),
    "daemon-set": (
        'kubernetes.apps.v1.DaemonSet(name, metadata={"name": name}, spec={"selector": {}, "template": {"spec": BAD}})',
        "no-host-paths",
    ),
    "everybody-by-ipv6": (
        'rule = {"protocol": "tcp", "fromPort": 22, "toPort": 22, "ipv6CidrBlocks": ["::/0"]}\n'
        "aws.ec2.SecurityGroup(name, ingress=[rule], opts=on_aws)",
        "no-open-security-groups",
    ),
    "way-out": (
        'rule = {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}\n'
        "aws.ec2.SecurityGroup(name, egress=[rule], opts=on_aws)",
        None,
    ),
    "world-behind-a-balancer": (
        'spec = {"type": "LoadBalancer", "ports": [{"port": 1}], "loadBalancerSourceRanges": ["0.0.0.0/0"]}\n'
        'kubernetes.core.v1.Service(name, metadata={"name": name}, spec=spec)',
        "load-balancers-with-source-ranges",
    ),
    "service-inside": (
        'kubernetes.core.v1.Service(name, metadata={"name": name}, spec={"ports": [{"port": 1}]})',
        None,
    ),
    "cluster-for-everybody-by-default": (
        'network = {"subnetIds": ["subnet-1", "subnet-2"]}\n'
        'role = "arn:aws:iam::123456789012:role/cluster"\n'
        "aws.eks.Cluster(name, role_arn=role, deletion_protection=True, vpc_config=network, opts=kept)",
        "no-public-clusters",
    ),
    "cluster-in-the-network": (
        'network = {"subnetIds": ["subnet-1", "subnet-2"], "endpointPublicAccess": False}\n'
        'role = "arn:aws:iam::123456789012:role/cluster"\n'
        "aws.eks.Cluster(name, role_arn=role, deletion_protection=True, vpc_config=network, opts=kept)",
        None,
    ),
    "bucket-of-access-logs": (
        "logs = aws.s3.Bucket(name, opts=kept)\n"
        'aws.s3.BucketLogging(name, bucket="models", target_bucket=logs.bucket, target_prefix="a/", opts=on_aws)',
        None,
    ),
    "bucket-under-a-key-of-others": (
        "bucket = aws.s3.Bucket(name, opts=kept)\n"
        'rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]\n'
        "aws.s3.BucketServerSideEncryptionConfiguration(name, bucket=bucket.bucket, rules=rules, opts=on_aws)",
        "buckets-with-own-keys",
    ),
    "repository-under-a-key-of-others": (
        "aws.ecr.Repository(name, encryption_configurations=[], opts=kept)",
        "repositories-with-own-keys",
    ),
    "database-that-is-not-encrypted": (
        "aws.rds.Instance("
        'name, instance_class="db.t4g.medium", deletion_protection=True, skip_final_snapshot=True, opts=kept)',
        "databases-with-own-keys",
    ),
    "database-that-can-be-deleted": (
        "aws.rds.Instance("
        'name, instance_class="db.t4g.medium", storage_encrypted=True, kms_key_id="a", skip_final_snapshot=True, opts=kept)',
        "deletion-refused",
    ),
    "disk-of-a-node": (
        'disk = {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "volumeSize": 100}}\n'
        "aws.ec2.LaunchTemplate(name, block_device_mappings=[disk], opts=on_aws)",
        "disks-with-own-keys",
    ),
    "policy-for-some-pods": (
        'labels = {"pod-security.kubernetes.io/enforce": "restricted"}\n'
        'kubernetes.core.v1.Namespace(name, metadata={"name": name, "labels": labels})\n'
        'spec = {"podSelector": {"matchLabels": {"app": "a"}}, "policyTypes": ["Ingress"]}\n'
        'metadata = {"name": "some", "namespace": name}\n'
        'kubernetes.networking.v1.NetworkPolicy(f"{name}-some", metadata=metadata, spec=spec)',
        "namespaces-closed-by-default",
    ),
    "masters-of-a-cluster": (
        'groups = ["system:masters"]\n'
        'role = "arn:aws:iam::123456789012:role/people"\n'
        'aws.eks.AccessEntry(name, cluster_name="a", principal_arn=role, kubernetes_groups=groups, opts=on_aws)',
        "no-cluster-admin-for-groups",
    ),
}

_SERVICE = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
_ISSUER = "token.actions.githubusercontent.com"
_TOKEN = {"Effect": "Allow", "Principal": {"Federated": f"arn:aws:iam::1:oidc-provider/{_ISSUER}"}, "Action": "sts:A"}
_BOTH = {f"{_ISSUER}:aud": "sts.amazonaws.com", f"{_ISSUER}:sub": "repo:example/ml-platform:pull_request"}
_POD = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
_POD_TAGS = {
    "aws:RequestTag/eks-cluster-arn": "arn:aws:eks:eu-central-1:1:cluster/a",
    "aws:RequestTag/kubernetes-namespace": "vision",
    "aws:RequestTag/kubernetes-service-account": "serving",
}
WILDCARD, LOOSE = "no-wildcard-iam", "trust-with-audience-and-subject"
TRUSTS: Mapping[str, tuple[dict[str, Any], str | None]] = {
    "service": (_SERVICE, None),
    "deny": ({**_SERVICE, "Effect": "Deny", "Principal": "*", "Action": "*"}, None),
    "anybody": ({**_SERVICE, "Principal": "*"}, WILDCARD),
    "any-account": ({**_SERVICE, "Principal": {"AWS": ["*"]}}, WILDCARD),
    "any-action": ({**_SERVICE, "Action": ["sts:AssumeRole", "*"]}, WILDCARD),
    "all-of-iam-in-capitals": ({**_SERVICE, "Action": ["IAM:*"]}, WILDCARD),
    "all-of-iam": ({**_SERVICE, "Action": "iam:*"}, WILDCARD),
    "not-some": ({"Effect": "Allow", "Principal": _SERVICE["Principal"], "NotAction": "s3:*"}, WILDCARD),
    "token-of-somebody": ({**_TOKEN, "Condition": {"StringEquals": _BOTH}}, None),
    "token-of-some": ({**_TOKEN, "Condition": {"StringLike": {**_BOTH, f"{_ISSUER}:sub": "repo:example/*"}}}, None),
    "token-of-anybody": ({**_TOKEN, "Condition": {"StringLike": {**_BOTH, f"{_ISSUER}:sub": "*"}}}, LOOSE),
    "token-that-differs": ({**_TOKEN, "Condition": {"StringNotEquals": _BOTH}}, LOOSE),
    "token-without-conditions": (_TOKEN, LOOSE),
    "one-service-account": ({**_POD, "Condition": {"StringEquals": _POD_TAGS}}, None),
    "any-service-account": (
        {**_POD, "Condition": {"StringEquals": dict(list(_POD_TAGS.items())[:2])}},
        LOOSE,
    ),
}
