"""`python -m workstation <command>`: what the Makefile's targets call."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence

from workstation import console
from workstation.errors import WorkstationError


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
    parser = argparse.ArgumentParser(prog="python -m workstation", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, function: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=about, description=about)
        sub.add_argument("--stack", default="dev", help="the stack: Pulumi.<stack>.yaml")
        sub.set_defaults(command=function)
        return sub

    add("up", _up, "bare machine to a running stack")
    add("down", _down, "destroy the stack, stop the cluster, prove that nothing is left")
    add("status", _status, "what runs where").add_argument("--json", action="store_true", help="for machines")
    preview = add("preview", _preview, "what `up` would do, with no credentials, cluster or Docker")
    preview.add_argument("--json", action="store_true", help="for machines")
    preview.add_argument("--plugins", choices=["stand-ins", "official"], default="stand-ins")
    add("preflight", _preflight, "whether the AWS account can hold what is declared; changes nothing")
    add("shell", _shell, "a shell in which pulumi and kubectl just work")
    return parser


def _up(options: argparse.Namespace) -> int:
    from workstation import up

    return up.up(options.stack)


def _down(options: argparse.Namespace) -> int:
    from workstation import down

    return down.down(options.stack)


def _status(options: argparse.Namespace) -> int:
    from workstation import status

    return status.show(options.stack, as_json=options.json)


def _preview(options: argparse.Namespace) -> int:
    from workstation import preview

    return preview.preview(options.stack, as_json=options.json, official=options.plugins == "official")


def _preflight(options: argparse.Namespace) -> int:
    from workstation import aws_preflight, preflight

    aws_preflight.check(preflight.declaration(options.stack))
    return 0


def _shell(options: argparse.Namespace) -> int:
    from workstation import shell

    return shell.shell(options.stack)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
