"""`python -m cli.pull_request comment` prints the comment, `... publish` posts it on the pull request."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cli.pull_request import comment
from cli.pull_request.publish import PullRequest, publish
from common.console import console, fail
from common.environment import prepare
from common.errors import CommandError

TOKEN = "GITHUB_TOKEN"


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    prepare()
    try:
        return _publish(options) if options.command == "publish" else _comment(options)
    except CommandError as error:
        return fail(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cli.pull_request", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    writing = commands.add_parser("comment", help="compare the plans of this tree and its base")
    writing.add_argument("--base", required=True, help="the branch or commit to compare with")
    publishing = commands.add_parser("publish", help=f"create or update the comment; the token is in ${TOKEN}")
    publishing.add_argument("--file", type=Path, required=True, help="the output of `comment`")
    publishing.add_argument("--repository", required=True, help="owner/name")
    publishing.add_argument("--number", type=int, required=True, help="the pull request's number")
    return parser


def _comment(options: argparse.Namespace) -> int:
    console.stderr = True  # the comment alone goes to stdout
    text, failed = comment.write(options.base)
    print(text, end="", flush=True)
    if failed:
        raise CommandError(f"no preview of stack {', '.join(failed)}", "the comment says why")
    return 0


def _publish(options: argparse.Namespace) -> int:
    api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    token = os.environ.get(TOKEN, "")
    if not token:
        raise CommandError("the comment can't be published", f"${TOKEN} is not set")
    target = PullRequest(api, options.repository, options.number, token)
    try:
        body = options.file.read_text()
    except OSError as error:
        raise CommandError("there is no comment to publish", str(error), hint="run `comment` first") from None
    console.print(publish(target, body))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
