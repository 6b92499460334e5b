"""Values of monitoring's settings, as text with a meaning: spans, percentages, queries, summaries, addresses."""

from __future__ import annotations

import re
from email.utils import getaddresses
from typing import Annotated
from urllib.parse import urlsplit

import promql_parser
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from infra.catalogue.metrics import BUCKETS, KNOWN, OWN_CODE, unknown_in
from infra.declaration.problems import suggestion
from infra.declaration.types import Seconds

_SPAN = re.compile(r"^(?:(\d+)d)?(?:(\d+)h)?$")
_ALERT = r"^[A-Z][A-Za-z0-9]{2,62}$"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_PORT = r":[1-9]\d{0,4}"
_LOGIN = r"(?:[A-Za-z0-9._~!$&'()*+,;=:%-]*@)?"
_URL = rf"^https?://{_LOGIN}{_HOST}(?:{_PORT})?(?:[/?#](?:[A-Za-z0-9._~:/?#@!$&'()*+,;=-]|\[|\]|%[0-9A-Fa-f]{{2}})*)?$"
_SERVER = rf"^{_HOST}{_PORT}$"
_MAILBOX = re.compile(r"^[^@\s{}]+@[^@\s{}]+$")
_IN_CLUSTER = (".svc", ".svc.cluster.local")
_LONGEST_INTERVAL = 60

_FORMAT = r'printf "[^"\\]*"'
_FUNCTIONS = rf"humanize|humanize1024|humanizeDuration|humanizePercentage|toLower|toUpper|title|{_FORMAT}"
_FILLED_IN = re.compile(rf"(?:{_FORMAT} )?\$(?:value|labels\.[A-Za-z_]\w*)(?: ?\| ?(?:{_FUNCTIONS}))*")


def _span(value: object) -> int:
    match = _SPAN.match(value) if isinstance(value, str) and value else None
    days, hours = (int(part or 0) for part in match.groups()) if match else (0, 0)
    if not days and not hours:
        raise ValueError(f"{value!r} is no span of time; write days or hours with their unit, such as 15d or 36h")
    return (days * 24 + hours) * 3600


def _interval(value: int) -> int:
    if value > _LONGEST_INTERVAL:
        raise ValueError(f"{value} s is too long for alerts that look back over a minute; write at most 1m")
    return value


def _percent(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no percentage; write a number such as 99.5")
    if not 0 < value < 100:
        raise ValueError(f"{value} percent leaves nothing to be measured against; write more than 0 and less than 100")
    return float(value)


def _bucket(value: object) -> float:
    known = {bucket_text(bucket): bucket for bucket in BUCKETS}
    if value not in known:
        raise ValueError(f"{value!r} is not measured; write one of {', '.join(known)}")
    return known[str(value)]


def bucket_text(seconds: float) -> str:
    """As it is declared: `250ms`, `2.5s`."""
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


def _query(value: str) -> str:
    try:
        query = promql_parser.parse(value)
    except ValueError as error:
        raise ValueError(f"is no PromQL: {str(error).splitlines()[0]}") from None
    while isinstance(query, promql_parser.ParenExpr):
        query = query.expr
    if isinstance(query, promql_parser.StringLiteral):
        raise ValueError("is text, which finds nothing; write a query such as up == 0")
    if isinstance(query, promql_parser.MatrixSelector | promql_parser.SubqueryExpr):
        raise ValueError("is all values of a time; write what is made of them, such as min_over_time(up[5m]) == 0")
    for metric in unknown_in(value):
        near = suggestion(metric, KNOWN)
        known = near if "did you mean" in near else "; infra/catalogue/metrics.py lists what is collected"
        own = " or ".join(f'{metric}{{job="{job}"}}' for job in OWN_CODE)
        raise ValueError(f"nothing collects the metric '{metric}'{known} (where a team's own code tells it: {own})")
    return value


def _summary(value: str) -> str:
    """Prometheus refuses the whole file for one that it can't read, and with it every other rule."""
    for part in value.split("{{")[1:]:
        inside, end, _ = part.partition("}}")
        if not end:
            raise ValueError(f"'{{{{{inside}' has no end; write such as {{{{ $labels.pod }}}}")
        if not _FILLED_IN.fullmatch(inside.strip()):
            words = "write a label or the value, such as {{ $labels.pod }} or {{ $value | humanize }}"
            raise ValueError(f"'{{{{{inside}}}}}' is nothing that can be filled in; {words}")
    return value


def _http(value: str) -> str:
    if not re.fullmatch(_URL, value):
        raise ValueError(f"{value!r} is no address; write one such as https://alerts.example.com/hook")
    return value


def _server(value: str) -> str:
    if not re.fullmatch(_SERVER, value):
        raise ValueError(f"{value!r} is no host with a port; write both, such as smtp.example.com:587")
    return value


def _mailboxes(value: str) -> str:
    addresses = [address for _, address in getaddresses([value])]
    if not addresses or not all(map(_MAILBOX.match, addresses)):
        raise ValueError(f"{value!r} is no address of e-mail; write one such as team@example.com")
    return value


def _runbooks(value: str) -> str:
    if not re.fullmatch(r"[^\s{}]+", value):
        raise ValueError(
            f"{value!r} is neither folder nor address; write docs/runbooks or https://example.com/runbooks"
        )
    return value


def _alert(value: str) -> str:
    if not re.match(_ALERT, value):
        raise ValueError(f"{value!r} is no name of an alert; write words without spaces, such as QueueTooLong")
    return value


def readable_on_the_way(url: str) -> bool:
    """Whether others may read what is sent there: it leaves the cluster, and is not encrypted."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not (parts.hostname or "").endswith(_IN_CLUSTER)


Span = Annotated[
    int,
    BeforeValidator(_span),
    WithJsonSchema({"type": "string", "pattern": _SPAN.pattern, "examples": ["15d", "36h"]}),
]
"""Written as days and hours, kept as seconds."""
Interval = Annotated[Seconds, AfterValidator(_interval)]
"""So short that what alerts look back over has values in it."""
Percent = Annotated[
    float,
    BeforeValidator(_percent),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100}),
]
Latency = Annotated[
    float, BeforeValidator(_bucket), WithJsonSchema({"type": "string", "enum": [bucket_text(each) for each in BUCKETS]})
]
"""Written as one of the measured bounds (`250ms`), kept as seconds."""
Query = Annotated[str, AfterValidator(_query)]
Summary = Annotated[str, AfterValidator(_summary)]
Http = Annotated[
    str,
    AfterValidator(_http),
    WithJsonSchema({"type": "string", "pattern": _URL, "examples": ["https://example.com/alerts"]}),
]
MailServer = Annotated[
    str,
    AfterValidator(_server),
    WithJsonSchema({"type": "string", "pattern": _SERVER, "examples": ["smtp.example.com:587"]}),
]
Mailboxes = Annotated[str, AfterValidator(_mailboxes)]
Runbooks = Annotated[str, AfterValidator(_runbooks)]
AlertName = Annotated[str, AfterValidator(_alert), WithJsonSchema({"type": "string", "pattern": _ALERT})]
