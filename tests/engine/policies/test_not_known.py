"""What is not known before an update: no finding, and nothing that a policy trips over."""

from __future__ import annotations

from collections.abc import Mapping

from infra.catalogue.pod_manifests import Manifest, pod
from tests.engine.policies.programs import NOT_ASKED, PRELUDE, as_pod, findings, preview
from tests.pulumi_engine import Pulumi

UNKNOWN = """
import pulumi_random as random
# The Kubernetes provider itself names an object whose name is an unknown secret.
made = random.RandomPassword("made", length=16)
text, flag = pulumi.Output.unsecret(made.result), made.result.apply(lambda value: len(value) > 3)
mapping, listing = made.result.apply(lambda value: {"a": value}), made.result.apply(lambda value: [value])
number = made.result.apply(len)
"""
PODS: Mapping[str, Manifest] = {
    "image": pod({"image": "TEXT"}),
    "values": pod({"env": [{"name": "DATABASE_PASSWORD", "value": "TEXT"}]}),
    "resources": pod({"resources": "MAPPING"}),
    "amounts": pod({"resources": {"requests": "MAPPING", "limits": "MAPPING"}}),
    "context": pod({"securityContext": {"privileged": "FLAG", "runAsNonRoot": "FLAG", "runAsUser": "NUMBER"}}),
    "contexts": pod({"securityContext": "MAPPING"}, {"securityContext": "MAPPING"}),
    "host": pod(spec={"hostNetwork": "FLAG", "volumes": "LISTING", "tolerations": "LISTING"}),
    "containers": pod(spec={"containers": "LISTING"}),
}
OTHERS = """
aws.iam.Role("role", assume_role_policy=text, opts=on_aws)
aws.ec2.SecurityGroup("group", ingress=listing, opts=on_aws)
rule = {"protocol": "tcp", "fromPort": 1, "toPort": 1, "cidrBlocks": listing}
aws.ec2.SecurityGroup("one", ingress=[rule], opts=on_aws)
aws.ecr.Repository("repository", encryption_configurations=[{"encryptionType": "KMS", "kmsKey": text}], opts=kept)
aws.rds.Instance(
    "database",
    instance_class="db.t4g.medium",
    storage_encrypted=flag,
    kms_key_id=text,
    deletion_protection=flag,
    skip_final_snapshot=True,
    publicly_accessible=flag,
    opts=kept,
)
network = {"subnetIds": listing, "endpointPublicAccess": flag, "publicAccessCidrs": listing}
aws.eks.Cluster("cluster", role_arn=text, vpc_config=network, deletion_protection=flag, opts=kept)
encrypted(aws.s3.Bucket("bucket", force_destroy=flag, opts=kept))
disk = {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "kmsKeyId": text}}
aws.ec2.LaunchTemplate("template", block_device_mappings=[disk], opts=on_aws)
labels = {"pod-security.kubernetes.io/enforce": text}
kubernetes.core.v1.Namespace("namespace", metadata={"name": text, "labels": labels})
kubernetes.core.v1.Namespace("labels", metadata={"name": text, "labels": mapping})
safe = {"pod-security.kubernetes.io/enforce": "restricted"}
kubernetes.core.v1.Namespace("closed", metadata={"name": "closed", "labels": safe})
closed = {"podSelector": {}, "policyTypes": listing}
kubernetes.networking.v1.NetworkPolicy("closing", metadata={"name": "all", "namespace": "closed"}, spec=closed)
kubernetes.core.v1.Service("service", spec={"type": "LoadBalancer", "loadBalancerSourceRanges": listing})
kubernetes.rbac.v1.Role("access", rules=[{"apiGroups": listing, "resources": listing, "verbs": listing}])
somebody = [{"kind": "Group", "name": text}]
role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": text}
kubernetes.rbac.v1.RoleBinding("binding", role_ref=role, subjects=somebody)
"""


def inserted(manifest: Manifest) -> str:
    """A pod's text with variables in place of the words that stand for them."""
    text = repr(manifest["spec"])
    for word in ("TEXT", "MAPPING", "LISTING", "FLAG", "NUMBER"):
        text = text.replace(f"'{word}'", word.lower())
    return text


def test_what_is_not_known_yet_is_no_finding_and_trips_no_policy(stack: Pulumi) -> None:
    pods = [f"name = {name!r}\n{as_pod(inserted(manifest))}" for name, manifest in PODS.items()]
    result = preview(stack, "\n".join([PRELUDE, UNKNOWN, *pods, OTHERS]))
    assert result.code == 0, result.text
    assert findings(result) == set()
    assert NOT_ASKED not in result.text


def test_what_is_certainly_wrong_is_found_beside_what_is_not_known(stack: Pulumi) -> None:
    manifest = pod({"image": "TEXT", "securityContext": {"privileged": True, "runAsUser": "NUMBER"}})
    result = preview(stack, "\n".join([PRELUDE, UNKNOWN, "name = 'half-known'", as_pod(inserted(manifest))]))
    assert findings(result) == {("no-privileged-containers", "half-known")}
