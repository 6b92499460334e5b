"""`python -m cli <command>`: what the Makefile's targets call."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from common import console
from common.errors import WorkstationError


def main(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except WorkstationError as error:
        return console.fail(error)
    except KeyboardInterrupt:
        return console.fail(
            WorkstationError("stopped by you", hint="run the same command again: it goes on from there")
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cli", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, function: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=about, description=about)
        sub.add_argument("--stack", default="dev", help="the stack: Pulumi.<stack>.yaml")
        sub.set_defaults(command=function)
        return sub

    add("up", _up, "bare machine to a running stack")
    add("down", _down, "destroy the stack, stop the cluster, prove that nothing is left")
    status = add("status", _status, "what runs where")
    status.add_argument("--json", action="store_true", help="for machines")
    status.add_argument("--html", type=Path, metavar="FILE", help="the platform's own page, as one file")
    preview = add("preview", _preview, "what `up` would do, with no credentials, cluster or Docker")
    preview.add_argument("--json", action="store_true", help="for machines")
    preview.add_argument("--plugins", choices=["stand-ins", "official"], default="stand-ins")
    add("preflight", _preflight, "whether the AWS account can hold what is declared; changes nothing")
    kubeconfig = add("kubeconfig", _kubeconfig, "a way into the cluster for one role of one team, for some hours")
    kubeconfig.add_argument("--team", required=True)
    kubeconfig.add_argument("--role", required=True, help="viewer, developer or admin")
    kubeconfig.add_argument("--hours", type=int, choices=range(1, 25), default=1, metavar="HOURS", help="1 to 24")
    kubeconfig.add_argument("--out", type=Path, help="a file; by default it is printed")
    rotate = add("rotate", _rotate, "renew a generated secret until its old value is refused")
    rotate.add_argument("--secret", required=True, help="a generated secret, tracking, status or registry")
    add("shell", _shell, "a shell in which pulumi and kubectl just work")
    return parser


def _up(options: argparse.Namespace) -> int:
    from cli import up

    return up.up(options.stack)


def _down(options: argparse.Namespace) -> int:
    from cli import down

    return down.down(options.stack)


def _status(options: argparse.Namespace) -> int:
    from cli import status, status_html

    if options.html:
        return status_html.write(options.stack, options.html)
    return status.show(options.stack, as_json=options.json)


def _preview(options: argparse.Namespace) -> int:
    from cli import preview

    return preview.preview(options.stack, as_json=options.json, official=options.plugins == "official")


def _preflight(options: argparse.Namespace) -> int:
    from cli import aws_preflight, preflight

    aws_preflight.check(preflight.declaration(options.stack))
    return 0


def _kubeconfig(options: argparse.Namespace) -> int:
    from cli import kubeconfig

    return kubeconfig.write(options.stack, options.team, options.role, options.hours, options.out)


def _rotate(options: argparse.Namespace) -> int:
    from cli import rotate as rotation

    return rotation.rotate(options.stack, options.secret)


def _shell(options: argparse.Namespace) -> int:
    from cli import shell

    return shell.shell(options.stack)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
