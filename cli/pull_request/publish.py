"""Creates the comment on the pull request, or updates it in place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from cli.pull_request.render import MARKER
from common.errors import CommandError

PAGE = 100


@dataclass(frozen=True)
class PullRequest:
    """A pull request, and a token that may comment on it."""

    api: str
    repository: str
    number: int
    token: str

    @property
    def comments(self) -> str:
        return f"{self.api}/repos/{self.repository}/issues/{self.number}/comments"


def publish(target: PullRequest, body: str) -> str:
    """Create or update the comment; its address."""
    written = next((comment for comment in _comments(target) if (comment["body"] or "").startswith(MARKER)), None)
    if written is None:
        return str(_call(target, "POST", target.comments, {"body": body})["html_url"])
    return str(_call(target, "PATCH", written["url"], {"body": body})["html_url"])


def _comments(target: PullRequest) -> Iterator[Mapping[str, Any]]:
    page = 1
    while found := _call(target, "GET", f"{target.comments}?per_page={PAGE}&page={page}"):
        yield from found
        if len(found) < PAGE:
            return
        page += 1


def _call(target: PullRequest, method: str, address: str, content: Mapping[str, str] | None = None) -> Any:
    headers = {"Authorization": f"Bearer {target.token}", "Accept": "application/vnd.github+json"}
    try:
        answer = requests.request(method, address, json=content, headers=headers, timeout=30)
        answer.raise_for_status()
    except requests.RequestException as error:
        hint = "the token needs the permission pull-requests: write"
        raise CommandError("the comment can't be published", str(error), hint=hint) from None
    return answer.json()
