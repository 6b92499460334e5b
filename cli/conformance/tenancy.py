"""What keeps teams apart: refused pods, Secrets that no login reads, and connections that fail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.conformance.report import Evidence, Outcome, judged
from cli.conformance.stack import Answer, Cluster, Stack, is_ready, namespaces
from cli.objects import Object
from common.errors import CommandError
from infra.catalogue.pod_manifests import IMAGE, pod
from infra.catalogue.pod_rules import HOST_NAMESPACES, HOST_PATHS, PRIVILEGED, ROOT, PodRule

_POD_SECURITY = "violates PodSecurity"
_RULES = (PRIVILEGED, HOST_NAMESPACES, HOST_PATHS, ROOT)
_NO_TEAM = "the stack declares no team"


def pod_security(stack: Stack, cluster: Cluster) -> Outcome:
    """A pod that complies is admitted in each team's namespace, and those that take the node's rights are refused."""
    found = refused(stack, cluster, _RULES)
    return judged(found.problems, found.evidence, not_shown=found.excepted if stack.declared.teams else _NO_TEAM)


@dataclass
class Refusals:
    """Of pods that violate rules, in the namespace of each team."""

    problems: list[str] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    """Declared ones, where nothing is refused."""

    @property
    def excepted(self) -> str:
        return f"the stack declares exceptions: {'; '.join(self.exceptions)}" if self.exceptions else ""


def refused(stack: Stack, cluster: Cluster, rules: Sequence[PodRule]) -> Refusals:
    """What each team's namespace makes of a compliant pod, and of pods that violate `rules`."""
    found = Refusals()
    for team in stack.declared.teams:
        path = f"/api/v1/namespaces/{team}/pods"
        answer = cluster.dry_run(path, _named(compliant(stack)))
        if answer.admitted is None and not _is_quota(answer):
            found.problems.append(f"team {team}: a compliant pod is refused: {answer.refusal}")
        found.evidence.append(Evidence(f"POST {path}?dryRun=All: a compliant pod", answer.refusal or "admitted"))
        for rule in rules:
            _refuse(stack, cluster, team, rule, found)
    return found


def _refuse(stack: Stack, cluster: Cluster, team: str, rule: PodRule, found: Refusals) -> None:
    if reason := stack.declared.policy.exceptions.get(rule.name, {}).get(team):
        found.exceptions.append(f"{rule.name} in {team}: {reason}")
        return
    path = f"/api/v1/namespaces/{team}/pods"
    answer = cluster.dry_run(path, _named(_of_registry(stack, rule.violates)))
    if not _is_for(answer, rule, stack):
        found.problems.append(f"team {team}: {rule.name} is not enforced: {answer.refusal or 'the pod is admitted'}")
    found.evidence.append(Evidence(f"POST {path}?dryRun=All: violates {rule.name}", answer.refusal or "admitted"))


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
    groups, places = _administers(stack), namespaces(stack, cluster.objects)
    problems = [
        f"group {group} {'may' if allowed else 'may not'} {verb} Secrets in {namespace}"
        for group, own in groups.items()
        for namespace in places
        for verb in ("get", "list")
        if (allowed := cluster.may([group], verb, "secrets", namespace)) != (namespace in own)
    ]
    ran = "POST SubjectAccessReview: get and list Secrets, for each group of a team and each namespace of the stack"
    said = f"{len(groups)} groups, {len(places)} namespaces: {len(problems)} unexpected answers"
    return judged(problems, [Evidence(ran, said)], not_shown="" if groups else "no group of a team is declared")


def _administers(stack: Stack) -> dict[str, set[str]]:
    """The teams of which each group is an admin."""
    found: dict[str, set[str]] = {}
    for team, settings in stack.declared.teams.items():
        for role, names in settings.groups.by_role().items():
            for group in names:
                found.setdefault(group, set()).update({team} if role == "admin" else ())
    return found


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
        for team, (name, own) in pods.items():
            expect(False, namespace, asker, own, f"pod {team}/{name}")
            expect(True, team, name, _tracking(stack, cluster), "the tracking server")
            expect(False, team, name, address, "the pod of a strange namespace")
            for other, (neighbour, their) in pods.items():
                if other != team:
                    expect(False, team, name, their, f"pod {other}/{neighbour}")
    return judged(problems, evidence)


_CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
    print("reached")
except OSError:
    print("refused")
"""


def _running(cluster: Cluster, team: str) -> tuple[str, str] | None:
    """A ready pod of an endpoint, whose image has Python and a server, and its address."""
    selector = {"labelSelector": "app.kubernetes.io/component=serving"}
    pods = cluster.objects.listed(f"/api/v1/namespaces/{team}/pods", **selector)
    ready = filter(is_ready, pods)
    return next(((each["metadata"]["name"], f"{each['status']['podIP']}:8080") for each in ready), None)


def _tracking(stack: Stack, cluster: Cluster) -> str:
    server = stack.outputs["tracking"]
    service = cluster.objects.get(f"/api/v1/namespaces/{server['namespace']}/services/{server['service']}")
    if not service:
        raise CommandError(
            "the tracking server has no Service", f"{server['namespace']}/{server['service']} is missing"
        )
    return f"{service['spec']['clusterIP']}:{server['port']:.0f}"
