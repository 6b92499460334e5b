"""`make conformance`: a report as text, JSON, Markdown or CNCF's submission, and an exit code."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli import preflight, stack, status
from cli.conformance import markdown, screen, submission
from cli.conformance.examine import examine
from cli.conformance.live import LiveCluster
from cli.conformance.report import Report
from cli.conformance.stack import Stack
from common.console import Progress, console
from common.errors import CommandError


def as_document(report: Report) -> str:
    """The report as JSON."""
    return json.dumps({**asdict(report), "exit_code": report.exit_code}, indent=2, ensure_ascii=False) + "\n"


_FORMS: Mapping[str, Callable[[Report], str]] = {
    ".json": as_document,
    ".md": markdown.render,
    ".yaml": submission.render,
}
"""By the suffix of a file."""


def show(name: str, out: Path | None, *, as_json: bool = False, as_markdown: bool = False) -> int:
    """Examine stack `name`, print the report, and write it to a file; the exit code."""
    console.stderr = as_json or as_markdown  # stdout is the document alone
    form = _form(out)
    report = _report(name)
    if as_json:
        print(as_document(report), end="")
    elif as_markdown:
        print(markdown.render(report), end="")
    else:
        screen.show(report)
    if out is not None and form is not None:
        _write(out, form(report))
    return report.exit_code


def _form(out: Path | None) -> Callable[[Report], str] | None:
    if out is None:
        return None
    if out.suffix not in _FORMS:
        raise CommandError(f"OUT={out}", f"no report has the suffix '{out.suffix}'", hint=f"write {', '.join(_FORMS)}")
    if not out.parent.is_dir():
        raise CommandError(f"{out} can't be written", f"there is no folder {out.parent}", hint="choose another OUT")
    return _FORMS[out.suffix]


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{out} can't be written", str(error.strerror), hint="choose another OUT") from None


def _report(name: str) -> Report:
    declared = preflight.declaration(name, values=False)
    stack.require_backend(name, declared)
    status.require_seen(name, declared)
    context = preflight.kube_context(declared, name)
    outputs = stack.outputs(name, reveal=True)
    if not outputs:
        raise CommandError(f"stack {name} is not deployed", "it has no outputs", hint=f"run `make up STACK={name}`")
    examined = Stack(declared, outputs)
    cluster = LiveCluster(status.cluster_api(name, declared), examined, context, stack.environment(context))
    try:
        with Progress().step(f"examine stack {name}") as step:
            return examine(name, examined, cluster, step.say)
    except ApiException as error:
        why = f"{error.status}: {error.reason}"
        raise CommandError(
            f"the cluster of context '{context}' refuses", why, hint="log in as an administrator"
        ) from None
    except HTTPError as error:
        hint = f"run `make up STACK={name}`, or check the network and KUBECONFIG"
        raise CommandError(f"the cluster of context '{context}' does not answer", str(error), hint=hint) from None
