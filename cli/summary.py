"""The summary of `make up`: status, scores of the endpoints, duration of each step, what to do next."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from cli import exposed, prediction, preflight, stack, status
from cli.forward import forward
from cli.prediction import Endpoint, Score, Tracking
from common.console import Progress, console
from infra.declaration.model import Platform

_WORDS = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced", "same": "unchanged"}


def describe(changes: Mapping[str, int]) -> str:
    """For example `41 created` or `41 unchanged`."""
    counted = [f"{changes[kind]} {word}" for kind, word in _WORDS.items() if changes.get(kind)]
    return ", ".join(counted) or "nothing to do"


def score_endpoints(name: str, declared: Platform) -> list[Score]:
    """Each endpoint's score on samples held out of its model's training."""
    found = stack.outputs(name, reveal=True)
    context = preflight.kube_context(declared, name)
    server, environment, api = found["tracking"], stack.environment(context), status.cluster_api(name, declared)
    with forward(server["namespace"], server["service"], server["port"], context, environment) as address:
        tracking = Tracking(address, server["username"], server["password"])
        return [
            Score(endpoint["model"], "", asleep=True)
            if status.is_asleep(api, endpoint)
            else _score(endpoint, tracking, context, environment)
            for endpoint in found["endpoints"].values()
        ]


def _score(endpoint: Mapping[str, Any], tracking: Tracking, context: str, environment: Mapping[str, str]) -> Score:
    with forward(endpoint["namespace"], endpoint["service"], endpoint["port"], context, environment) as address:
        server = Endpoint(address, endpoint.get("api_key"))
        if prediction.is_llm(endpoint):
            server.ask("GET", prediction.model_path(endpoint))
            version = str(endpoint.get("version", ""))  # weights in a dataset have none
            return Score(endpoint["model"], version, unscored="language models have no score")
        return prediction.score(server, endpoint["model"], tracking, endpoint.get("version"))


def answered(score: Score) -> str:
    """For example `digits version 1 answers 445 of 450 held-out samples correctly: served accuracy 0.9889`."""
    if score.waiting:
        return f"[yellow]{escape(score.model)}[/] waits for its first champion: no version has that alias yet"
    if score.asleep:
        return f"{escape(score.model)} has no pods until a request comes"
    who = f"[bold green]{escape(score.model)}[/]" + (f" version {score.version}" if score.version else "")
    if score.unscored:
        return f"{who} answers ({escape(score.unscored)})"
    correct = f"{score.correct} of {score.samples} held-out samples"
    return f"{who} answers {correct} correctly: [bold]served accuracy {score.accuracy:.4f}[/]"


def show(
    name: str,
    declared: Platform,
    changes: Mapping[str, int],
    scores: Sequence[Score],
    progress: Progress,
    seconds: float,
) -> None:
    """Print the summary."""
    console.print()
    status.print_status(status.collect(name, declared))
    for score in scores:
        console.print(answered(score))
    found = stack.outputs(name)
    for way in (*exposed.commands(name, found), *exposed.pages(found)):
        console.print(f"[bold]outside[/]  {escape(way)}", soft_wrap=True)
    console.print()
    _phases(progress, seconds)
    unchanged = set(changes) <= {"same"}
    console.print("[bold]Nothing changed.[/]" if unchanged else f"[bold]{escape(describe(changes))}.[/]")
    _next(name, _ending(declared))


def _ending(declared: Platform) -> str:
    """What `make down` does."""
    if declared.foundation.local:
        return "destroy the stack and stop the cluster"
    return "destroy the stack" + (" and list leftovers" if declared.foundation.aws else "")


def _phases(progress: Progress, seconds: float) -> None:
    table = Table.grid(padding=(0, 2))
    for step in progress.steps:
        table.add_row(f"{step.seconds:6.1f} s", escape(step.title))
    table.add_row(f"[bold]{seconds:6.1f} s[/]", "[bold]total[/]")
    console.print(table)


def _next(name: str, ending: str) -> None:
    console.print(
        f"\n[bold]Next[/]  make shell STACK={name}   pulumi and kubectl, configured\n"
        f"      make status STACK={name}  these tables again\n"
        f"      Pulumi.{name}.yaml        edit it, or images/, then run `make up STACK={name}`\n"
        f"      make down STACK={name}    {ending}"
    )
