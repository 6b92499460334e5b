"""One round: which alerts fire, and the response to each alert."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from controllers.servers import Alertmanager, Unanswered

Object = Mapping[str, Any]


class Objects(Protocol):
    """Those of the API server, by their path in it."""

    def read(self, path: str) -> Any: ...

    def patch(self, path: str, patch: Any) -> None: ...


@dataclass(frozen=True)
class Response:
    to: Sequence[str]
    """Matchers of the alerts."""
    act: Callable[[Object, Objects], Iterator[str]]
    """Responds to one alert, and says what it did."""


def respond(alertmanager: Alertmanager, cluster: Objects, response: Response) -> bool:
    """Whether anything went well. An alert without a response, such as of a team that is gone, holds up no other."""
    try:
        alerts = list(alertmanager.firing(response.to))
    except Unanswered as error:
        return _failed(error)
    went_well = [_act(alert, cluster, response) for alert in alerts]
    return any(went_well) or not alerts


def _act(alert: Object, cluster: Objects, response: Response) -> bool:
    try:
        for done in response.act(alert, cluster):
            print(done, flush=True)
    except Unanswered as error:
        return _failed(error)
    except (KeyError, IndexError, ValueError) as error:  # an object that is not as it is expected to be
        return _failed(f"{alert.get('labels')}: {error!r}")
    return True


def _failed(error: Unanswered | str) -> bool:
    print(f"controllers: {error}", file=sys.stderr, flush=True)
    return False
