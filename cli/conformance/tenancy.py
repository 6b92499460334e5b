"""What keeps teams apart: refused pods, Secrets that no login reads, and connections that fail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from cli.conformance.report import Evidence, Outcome, judged
from cli.conformance.stack import Answer, Cluster, Stack, is_ready, namespaces
from cli.objects import Object
from infra.catalogue.pod_manifests import IMAGE, pod
from infra.catalogue.pod_rules import HOST_NAMESPACES, HOST_PATHS, PRIVILEGED, ROOT, PodRule

_POD_SECURITY = "violates PodSecurity"
_RULES = (PRIVILEGED, HOST_NAMESPACES, HOST_PATHS, ROOT)
_NO_TEAM = "the stack declares no team"


def pod_security(stack: Stack, cluster: Cluster) -> Outcome:
    """A pod that complies is admitted in each team's namespace, and those that take the node's rights are refused."""
    problems, evidence = refused(stack, cluster, _RULES)
    return judged(problems, evidence, not_shown="" if stack.declared.teams else _NO_TEAM)


def refused(stack: Stack, cluster: Cluster, rules: Sequence[PodRule]) -> tuple[list[str], list[Evidence]]:
    """Problems and evidence of pods that violate `rules`, in the namespace of each team."""
    problems, evidence = [], []
    for team in stack.declared.teams:
        path = f"/api/v1/namespaces/{team}/pods"
        answer = cluster.dry_run(path, _named(compliant(stack)))
        if answer.admitted is None and not _is_quota(answer):
            problems.append(f"team {team}: a compliant pod is refused: {answer.refusal}")
        evidence.append(Evidence(f"POST {path}?dryRun=All: a compliant pod", answer.refusal or "admitted"))
        for rule in rules:
            answer = cluster.dry_run(path, _named(_of_registry(stack, rule.violates)))
            if not _is_for(answer, rule, stack):
                problems.append(f"team {team}: {rule.name} is not enforced: {answer.refusal or 'the pod is admitted'}")
            evidence.append(Evidence(f"POST {path}?dryRun=All: violates {rule.name}", answer.refusal or "admitted"))
    return problems, evidence


def _is_for(answer: Answer, rule: PodRule, stack: Stack) -> bool:
    """Refused because of the rule, and not by a quota."""
    policies = (_POD_SECURITY, f"{stack.platform}-{rule.name}")
    return any(each in answer.refusal for each in policies)


def _is_quota(answer: Answer) -> bool:
    """A quota is asked last: everything else admits the pod."""
    return "exceeded quota" in answer.refusal


def compliant(stack: Stack) -> dict[str, Any]:
    """A pod that complies with every rule, of an image of the stack's own registry that does not exist."""
    return _of_registry(stack, pod())


def _of_registry(stack: Stack, manifest: Object) -> dict[str, Any]:
    prefix = IMAGE.rpartition("/")[0]
    own = next(iter(stack.outputs["images"].values()), IMAGE).rpartition("/")[0]
    found: dict[str, Any] = json.loads(json.dumps(manifest).replace(prefix, own))
    return found


def _named(manifest: dict[str, Any]) -> dict[str, Any]:
    return {**manifest, "metadata": {"name": "conformance"}}


def secret_isolation(stack: Stack, cluster: Cluster) -> Outcome:
    """No group of a team may read Secrets of another namespace of the stack, and only admins those of their own."""
    groups = list(_groups(stack))
    problems, evidence, asked = [], [], 0
    for team, role, group in groups:
        for namespace in namespaces(stack, cluster.objects):
            for verb in ("get", "list"):
                allowed, asked = cluster.may([group], verb, "secrets", namespace), asked + 1
                if allowed != (namespace == team and role == "admin"):
                    problems.append(f"group {group}, {role} of {team}, {_may(allowed)} {verb} Secrets in {namespace}")
    ran = "POST SubjectAccessReview: get and list Secrets, for each group and each namespace of the stack"
    evidence.append(Evidence(ran, f"{len(groups)} groups, {asked} answers, {len(problems)} unexpected"))
    return judged(problems, evidence, not_shown="" if groups else "no group of a team is declared")


def _may(allowed: bool) -> str:
    return "may" if allowed else "may not"


def _groups(stack: Stack) -> Iterator[tuple[str, str, str]]:
    """A group may be that of several teams, and has then the rights of all of them."""
    found = [
        (team, str(role), group)
        for team, settings in stack.declared.teams.items()
        for role, names in settings.groups.by_role().items()
        for group in names
    ]
    named = [group for _, _, group in found]
    return (each for each in found if named.count(each[2]) == 1)


def network_isolation(stack: Stack, cluster: Cluster) -> Outcome:
    """A pod of a strange namespace and one of a team do not reach each other, and each reaches what it may."""
    pods = {team: found for team in stack.declared.teams if (found := _running(cluster, team))}
    evidence: list[Evidence] = []
    problems: list[str] = []

    def expect(reached: bool, namespace: str, name: str, to: str, what: str) -> None:
        got = cluster.run_in(namespace, name, ["python", "-c", _CONNECT, *to.split(":")]).strip()
        evidence.append(Evidence(f"connect from pod {namespace}/{name} to {what}", got or "no answer"))
        if got != ("reached" if reached else "refused"):
            problems.append(f"pod {namespace}/{name} to {what}: {got or 'no answer'}")

    if not pods:
        return Outcome("not shown", "no pod of an endpoint of a team is ready, from which one could connect")
    with cluster.stranger() as (namespace, asker, address):
        expect(True, namespace, asker, address, "its neighbour")
        for team, found in pods.items():
            name, own = found["metadata"]["name"], f"{found['status']['podIP']}:8080"
            expect(False, namespace, asker, own, f"pod {team}/{name}")
            expect(True, team, name, _tracking(stack, cluster), "the tracking server")
            expect(False, team, name, address, "the pod of a strange namespace")
            for other in pods.keys() - {team}:
                their = pods[other]
                expect(
                    False, team, name, f"{their['status']['podIP']}:8080", f"pod {other}/{their['metadata']['name']}"
                )
    return judged(problems, evidence)


_CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
    print("reached")
except OSError:
    print("refused")
"""


def _running(cluster: Cluster, team: str) -> Object | None:
    """A ready pod of an endpoint, whose image has Python and a server."""
    selector = {"labelSelector": "app.kubernetes.io/component=serving"}
    pods = cluster.objects.listed(f"/api/v1/namespaces/{team}/pods", **selector)
    return next(filter(is_ready, pods), None)


def _tracking(stack: Stack, cluster: Cluster) -> str:
    server = stack.outputs["tracking"]
    service = cluster.objects.get(f"/api/v1/namespaces/{server['namespace']}/services/{server['service']}") or {}
    return f"{service['spec']['clusterIP']}:{server['port']:.0f}"
