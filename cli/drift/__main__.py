"""`python -m cli.drift compare` compares a stack in a workflow, `... issue` brings its issue up to date."""

import argparse
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli import preflight
from cli.drift import issue, markdown
from cli.drift.compare import compare
from cli.drift.report import Report
from cli.kubeconfig import contexts
from common import run
from common.console import console, fail
from common.environment import prepare
from common.errors import CommandError
from offline import machine

FOUND, REPORT = "DRIFT", "REPORT"
"""Variables of `issue`: `true` or `false`, and the report. Outputs of `compare` have the same names in lower case."""
_LOST = "The report is in the summary of the workflow run."


def main(arguments: Sequence[str]) -> int:
    """Run one command; drift is no failure of it."""
    parser = argparse.ArgumentParser(prog="python -m cli.drift", description=__doc__)
    parser.add_argument("command", choices=["compare", "issue"])
    parser.add_argument("--stack", required=True)
    options = parser.parse_args(arguments)
    prepare()
    try:
        return _compare(options.stack) if options.command == "compare" else _issue(options.stack)
    except CommandError as error:
        return fail(error)


def _compare(stack: str) -> int:
    _log_in(stack)
    report = compare(stack)
    text = markdown.render(report)
    print(text)
    _append("GITHUB_STEP_SUMMARY", text)
    _append("GITHUB_OUTPUT", outputs(report, text))
    return 0


def _log_in(stack: str) -> None:
    """Add an EKS cluster to the kubeconfig of a runner, which begins without one."""
    declared = preflight.declaration(stack, values=False)
    aws, context = declared.foundation.aws, preflight.kube_context(declared, stack)
    if aws is not None and context not in contexts(machine.kubeconfig_files(context)):
        cluster = context.rpartition("/")[2]
        run.output(["aws", "eks", "update-kubeconfig", "--region", aws.region, "--name", cluster])


def outputs(report: Report, text: str) -> str:
    """In the format of $GITHUB_OUTPUT; nothing in the report can end it, since the delimiter is random."""
    end = secrets.token_hex(16)
    return f"{FOUND.lower()}={'true' if report.drift else 'false'}\n{REPORT.lower()}<<{end}\n{text}\n{end}\n"


def _append(variable: str, text: str) -> None:
    if file := os.environ.get(variable):
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(text)


def _issue(stack: str) -> int:
    found = os.environ.get(FOUND, "")
    if found not in ("true", "false"):
        hint = f"set ${FOUND} and ${REPORT} to the outputs of `compare`"
        raise CommandError(f"${FOUND} says neither true nor false", hint=hint)
    for line in issue.track(stack, body(os.environ) if found == "true" else ""):
        console.print(line, markup=False)
    return 0


def body(environment: Mapping[str, str]) -> str:
    """The report and the address of the run; GitHub drops an output in which it sees a secret."""
    report = environment.get(REPORT, "").strip() or _LOST
    parts = [environment.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    where = f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else ""
    return f"{report}\n\n<sub>{where}</sub>\n" if where else f"{report}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
