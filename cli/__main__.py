"""`python -m cli <command>`: the commands behind the Makefile's targets."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from common import console
from common.errors import CommandError


class _Parser(argparse.ArgumentParser):
    """A mistake on the command line is an error like any other: 2 is the exit code of drift."""

    error_code = 1

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(self.error_code, f"{self.prog}: error: {message}\n")


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error_code = options.error_code
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        _prepare()
        return command(options)
    except CommandError as error:
        console.fail(error)
    except KeyboardInterrupt:
        console.fail(CommandError("interrupted", hint="run the same command again: it continues where it stopped"))
    error_code: int = options.error_code
    return error_code


def _prepare() -> None:
    from common import paths  # a user without a home folder has an error to read
    from common.environment import prepare

    prepare()
    paths.require_writable()


def _parser() -> _Parser:
    parser = _Parser(prog="python -m cli", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, function: Callable[[argparse.Namespace], int], about: str) -> _Parser:
        sub = commands.add_parser(name, help=about, description=about)
        sub.add_argument("--stack", default="dev", help="the stack: Pulumi.<stack>.yaml")
        sub.set_defaults(command=function, error_code=sub.error_code)
        return sub

    add("up", _up, "install, start and deploy everything")
    add("down", _down, "destroy the stack, stop the cluster, verify that nothing is left")
    status = add("status", _status, "show endpoints, jobs, images, nodes and GPUs")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.add_argument("--wait", action="store_true", help="first wait for the training runs; 1 if one has failed")
    status.add_argument("--job", help="why the runs of this job wait")
    status.add_argument("--kubeconfig", type=Path, metavar="FILE", help="with --job: use the login of this file")
    status.add_argument("--html", type=Path, metavar="FILE", help="save the status page as one file")
    drift = add("drift", _drift, "compare the stack's state with what exists; changes nothing")
    drift.epilog = "Exit code: 0 no drift, 2 drift, 1 an error. `make` itself exits with 2 for both."
    form = drift.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--markdown", action="store_true", help="print Markdown")
    conformance = add("conformance", _conformance, "examine the running stack by CNCF's AI conformance checklist")
    conformance.epilog = (
        "Exit code: 0 nothing failed, 1 an item failed, 2 an error. `make` itself exits with 2 for both."
    )
    conformance.error_code = 2  # 1 is that of a failed item
    conformance.set_defaults(error_code=2)
    form = conformance.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--markdown", action="store_true", help="print Markdown")
    conformance.add_argument("--out", type=Path, metavar="FILE", help="also write it: .json, .md, or .yaml as CNCF's")
    preview = add("preview", _preview, "show the whole plan and its cost, without credentials, cluster or Docker")
    preview.add_argument("--json", action="store_true", help="print JSON")
    preview.add_argument("--details", action="store_true", help="also print a line for each resource")
    preview.add_argument("--plugins", choices=["stand-ins", "official"], default="stand-ins")
    plan = add("plan", _plan, "whether what is declared fits on its nodes and in its quotas")
    plan.epilog = "Exit code: 0, or 1 if something can never run as declared, or on an error."
    plan.add_argument("--scenario", type=Path, metavar="FILE", help="what would be different: docs/plan.md")
    plan.add_argument("--quick", action="store_true", help="by arithmetic alone, without a scheduler")
    form = plan.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--markdown", action="store_true", help="print Markdown")
    upgrade = add(
        "upgrade-check", _upgrade_check, "whether the stack fits a version of Kubernetes, and the order of steps"
    )
    upgrade.add_argument("--kubernetes", required=True, metavar="VERSION", help="a minor version, such as 1.36")
    upgrade.add_argument("--json", action="store_true", help="print JSON")
    add("preflight", _preflight, "check what the stack's account or cluster and registry offer; read-only")
    kubeconfig = add("kubeconfig", _kubeconfig, "a kubeconfig for one role of a team that expires after some hours")
    kubeconfig.add_argument("--team", required=True)
    kubeconfig.add_argument("--role", required=True, help="viewer, developer or admin")
    kubeconfig.add_argument("--hours", type=int, choices=range(1, 25), default=1, metavar="HOURS", help="1 to 24")
    kubeconfig.add_argument("--out", type=Path, help="write it to this file instead of printing it")
    rotate = add("rotate", _rotate, "rotate a generated secret and revoke its old value")
    rotate.add_argument("--secret", required=True, help="a generated secret, tracking, status, logs or registry")
    run = add("run", _run, "start a declared batch job now, or a training run again that was stopped")
    run.add_argument("--job", required=True, help="its name in the declaration")
    logs = add("logs", _logs, "the last lines that a job or an endpoint has printed, also in pods that are gone")
    logs.add_argument("--job", help="a training or batch job, such as digits or training/digits")
    logs.add_argument("--endpoint", help="an endpoint")
    logs.add_argument("--lines", type=int, default=100, help="how many; 100 by default")
    logs.add_argument("--since", help="not older than this, such as 90s, 30m, 2h, 1d")
    logs.add_argument("--follow", action="store_true", help="keep printing new lines")
    logs.add_argument("--kubeconfig", type=Path, metavar="FILE", help="use the login of this file's current context")
    gpu_check = add("gpu-check", _gpu_check, "check the GPUs of each node: driver, framework, a product of matrices")
    gpu_check.add_argument("--pool", help="of this pool only; if it has no node, one is started")
    promote = add("promote", _promote, "write an endpoint's canary into the endpoint, in the stack file")
    rollback = add("rollback", _rollback, "remove an endpoint's canary from the stack file")
    for sub in (promote, rollback):
        sub.add_argument("--endpoint", required=True, help="its name in the declaration")
    add("shell", _shell, "a shell with pulumi and kubectl configured for the stack")
    return parser


def _up(options: argparse.Namespace) -> int:
    from cli import up

    return up.up(options.stack)


def _down(options: argparse.Namespace) -> int:
    from cli import down

    return down.down(options.stack)


def _status(options: argparse.Namespace) -> int:
    from cli import runs, status, status_html
    from cli.waiting import command

    if options.job is None and options.kubeconfig:
        raise CommandError("LOGIN does nothing without JOB", hint="make status JOB=name LOGIN=kubeconfig")
    if options.job is not None and (options.html or options.wait):
        raise CommandError("HTML and WAIT do nothing beside JOB", hint="make status JOB=name")
    if options.job is not None:
        return command.show(options.stack, options.job, options.kubeconfig, json_only=options.json)
    if options.html:
        return status_html.write(options.stack, options.html)
    failed = options.wait and not runs.all_succeed(options.stack, quiet=options.json)
    return max(status.show(options.stack, as_json=options.json), int(failed))


def _drift(options: argparse.Namespace) -> int:
    from cli.drift import command

    return command.show(options.stack, as_json=options.json, as_markdown=options.markdown)


def _conformance(options: argparse.Namespace) -> int:
    from cli.conformance import command

    return command.show(options.stack, options.out, as_json=options.json, as_markdown=options.markdown)


def _preview(options: argparse.Namespace) -> int:
    from cli import preview

    official = options.plugins == "official"
    return preview.preview(options.stack, as_json=options.json, details=options.details, official=official)


def _plan(options: argparse.Namespace) -> int:
    from cli.capacity import command

    return command.show(
        options.stack, options.scenario, quick=options.quick, as_json=options.json, as_markdown=options.markdown
    )


def _upgrade_check(options: argparse.Namespace) -> int:
    from cli import upgrade

    return upgrade.check(options.stack, options.kubernetes, as_json=options.json)


def _preflight(options: argparse.Namespace) -> int:
    from cli import preflight

    return preflight.preflight(options.stack)


def _kubeconfig(options: argparse.Namespace) -> int:
    from cli import kubeconfig

    return kubeconfig.write(options.stack, options.team, options.role, options.hours, options.out)


def _rotate(options: argparse.Namespace) -> int:
    from cli import rotate as rotation

    return rotation.rotate(options.stack, options.secret)


def _run(options: argparse.Namespace) -> int:
    from cli import start_job

    return start_job.start(options.stack, options.job)


def _logs(options: argparse.Namespace) -> int:
    from cli import logs

    wanted = logs.Wanted(options.job, options.endpoint, options.lines, options.since, options.follow)
    return logs.show(options.stack, wanted, options.kubeconfig)


def _promote(options: argparse.Namespace) -> int:
    from cli import canary

    return canary.promote(options.stack, options.endpoint)


def _rollback(options: argparse.Namespace) -> int:
    from cli import canary

    return canary.roll_back(options.stack, options.endpoint)


def _gpu_check(options: argparse.Namespace) -> int:
    from cli.gpu_check import check

    return check.check(options.stack, options.pool)


def _shell(options: argparse.Namespace) -> int:
    from cli import shell

    return shell.shell(options.stack)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
