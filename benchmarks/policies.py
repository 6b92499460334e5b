"""What the policy pack costs: the resources of a large stack are sent to it as the engine does, without an engine.

`.venv/bin/python -m benchmarks.policies --teams 50 --jobs 20` prints the time for a resource, and with `--profile`
where it goes. The stack's own program runs on Pulumi's mocks and is not measured.
"""

import argparse
import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from tests.unit.components.recorder import platform
from tests.unit.declaration.samples import on_aws

REPOSITORY = Path(__file__).parents[1]
STACK = "large"


def declaration(teams: int, jobs: int) -> dict[str, Any]:
    """A stack on AWS with so many teams, each with so many training jobs and an endpoint."""
    names = [f"team-{number}" for number in range(teams)]
    job = {"image": "training"}
    return on_aws(
        teams={name: {} for name in names},
        models={f"model-{name}": {"team": name} for name in names},
        training={
            f"{name}-{number}": {**job, "team": name, "model": f"model-{name}"}
            for name in names
            for number in range(jobs)
        },
        serving={name: {"team": name, "image": "serving", "model": f"model-{name}"} for name in names},
    )


def requests(teams: int, jobs: int) -> list[analyzer_pb2.AnalyzeRequest]:
    """One for each resource."""
    found = []
    for each in platform(declaration(teams, jobs)).resources:
        properties = struct_pb2.Struct()
        properties.update(json.loads(json.dumps(each.inputs)))
        urn = f"urn:pulumi:{STACK}::ml-platform::{each.type}::{each.name}"
        options = analyzer_pb2.AnalyzerResourceOptions(protect=True)
        found.append(
            analyzer_pb2.AnalyzeRequest(type=each.type, properties=properties, urn=urn, name=each.name, options=options)
        )
    return found


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teams", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args(arguments)
    asked = requests(options.teams, options.jobs)
    print(f"{len(asked)} resources")
    if options.profile:
        _profile(asked)
    else:
        _measure(asked)


def _measure(asked: Sequence[analyzer_pb2.AnalyzeRequest]) -> None:
    """The pack in a process of its own, as the engine starts it."""
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(REPOSITORY / "policies")]
    pack = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert pack.stdout is not None
    try:
        channel = grpc.insecure_channel(f"127.0.0.1:{pack.stdout.readline().strip()}")
        analyzer = analyzer_pb2_grpc.AnalyzerStub(channel)
        analyzer.GetAnalyzerInfo(empty_pb2.Empty())
        began = time.monotonic()
        for request in asked:
            analyzer.Analyze(request)
        resources = time.monotonic() - began
        whole = analyzer_pb2.AnalyzeStackRequest(
            resources=[
                analyzer_pb2.AnalyzerResource(type=each.type, properties=each.properties, urn=each.urn, name=each.name)
                for each in asked
            ]
        )
        began = time.monotonic()
        analyzer.AnalyzeStack(whole)
        stack = time.monotonic() - began
    finally:
        pack.terminate()
        pack.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"resources one by one: {resources:.1f} s, {1000 * resources / len(asked):.2f} ms each")
    print(f"the whole stack: {stack:.1f} s")
    print(f"the pack in all: {used.ru_utime + used.ru_stime:.1f} s of CPU, {used.ru_maxrss / 1024:.0f} MiB")


def _profile(asked: Sequence[analyzer_pb2.AnalyzeRequest]) -> None:
    """The same in this process."""
    from pulumi_policy import policy

    from policies.rules import RULES

    policies = [rule.policy() for rule in RULES]
    servicer = policy._PolicyAnalyzerServicer("ml-platform", "0", policies, policy.EnforcementLevel.ADVISORY, None)
    os.chdir(REPOSITORY)
    profile = cProfile.Profile()
    profile.enable()
    for request in asked:
        servicer.Analyze(request, None)
    profile.disable()
    pstats.Stats(profile).sort_stats("cumulative").print_stats(25)


if __name__ == "__main__":
    main(sys.argv[1:])
