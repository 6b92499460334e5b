"""Value types of the monitoring settings: time spans, percentages, queries, summaries, URLs, email addresses."""

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

_SPAN = re.compile(r"^(?:(\d{1,9})d)?(?:(\d{1,9})h)?$", re.ASCII)
_LONGEST_SPAN = 3650
"""Days."""
_ALERT = r"^[A-Z][A-Za-z0-9]{2,62}$"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_PORT = r":[1-9][0-9]{0,4}"
_LOGIN = r"(?:[A-Za-z0-9._~!$&'()*+,;=:%-]*@)?"
_URL = rf"^https?://{_LOGIN}{_HOST}(?:{_PORT})?(?:[/?#](?:[A-Za-z0-9._~:/?#@!$&'()*+,;=-]|\[|\]|%[0-9A-Fa-f]{{2}})*)?$"
_SERVER = rf"^{_HOST}{_PORT}$"
_MAILBOX = re.compile(r"^[^@\s{}]+@[^@\s{}]+$")
_IN_CLUSTER = (".svc", ".svc.cluster.local")
_LONGEST_INTERVAL = 60

_FORMAT = r'printf "[^"\\]*"'
_FUNCTIONS = rf"humanize|humanize1024|humanizeDuration|humanizePercentage|toLower|toUpper|title|{_FORMAT}"
_TEMPLATE = re.compile(rf"(?:{_FORMAT} )?\$(?:value|labels\.[A-Za-z_]\w*)(?: ?\| ?(?:{_FUNCTIONS}))*", re.ASCII)


def _span(value: object) -> int:
    match = _SPAN.fullmatch(value) if isinstance(value, str) and value else None
    days, hours = (int(part or 0) for part in match.groups()) if match else (0, 0)
    if not days and not hours:
        raise ValueError(f"{value!r} is not a time span; write days or hours with their unit, such as 15d or 36h")
    if days * 24 + hours > _LONGEST_SPAN * 24:
        raise ValueError(f"{value!r} is out of range; write at most {_LONGEST_SPAN}d")
    return (days * 24 + hours) * 3600


def _interval(value: int) -> int:
    if value > _LONGEST_INTERVAL:
        raise ValueError(f"{value} s is too long: some alerts look back one minute only; write at most 1m")
    return value


def _percent(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a percentage; write a number such as 99.5")
    if not 0 < value < 100:
        raise ValueError(f"{value} percent is out of range; write a number above 0 and below 100")
    return float(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number; write one such as 0.95")
    return float(value)


def _bucket(value: object) -> float:
    known = {bucket_text(bucket): bucket for bucket in BUCKETS}
    if value not in known:
        raise ValueError(f"{value!r} is not a bucket of the histogram; write one of {', '.join(known)}")
    return known[str(value)]


def bucket_text(seconds: float) -> str:
    """As written in a stack file: `250ms`, `2.5s`."""
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


def _query(value: str) -> str:
    try:
        query = promql_parser.parse(value)
    except ValueError as error:
        raise ValueError(f"is not valid PromQL: {str(error).splitlines()[0]}") from None
    while isinstance(query, promql_parser.ParenExpr):
        query = query.expr
    if isinstance(query, promql_parser.StringLiteral):
        raise ValueError("is a string; write a query that returns series, such as up == 0")
    if isinstance(query, promql_parser.MatrixSelector | promql_parser.SubqueryExpr):
        raise ValueError("is a range vector; apply a function to it, as in min_over_time(up[5m]) == 0")
    for metric in unknown_in(value):
        near = suggestion(metric, KNOWN)
        known = near if "did you mean" in near else "; infra/catalogue/metrics.py lists the collected metrics"
        own = " or ".join(f'{metric}{{job="{job}"}}' for job in OWN_CODE)
        raise ValueError(f"metric '{metric}' is not collected{known} (if teams' own code exposes it: {own})")
    return value


def _summary(value: str) -> str:
    """Prometheus rejects the whole rules file because of a single invalid template."""
    for part in value.split("{{")[1:]:
        inside, end, _ = part.partition("}}")
        if not end:
            raise ValueError(f"'{{{{{inside}' is not closed; write it as in {{{{ $labels.pod }}}}")
        if not _TEMPLATE.fullmatch(inside.strip()):
            words = "write a label or the value, such as {{ $labels.pod }} or {{ $value | humanize }}"
            raise ValueError(f"'{{{{{inside}}}}}' is not a supported template; {words}")
    return value


def _http(value: str) -> str:
    if not re.fullmatch(_URL, value):
        raise ValueError(f"{value!r} is not a URL; write one such as https://alerts.example.com/hook")
    return value


def _server(value: str) -> str:
    if not re.fullmatch(_SERVER, value):
        raise ValueError(f"{value!r} is not a host with a port; write both, such as smtp.example.com:587")
    return value


def _mailboxes(value: str) -> str:
    addresses = [address for _, address in getaddresses([value])]
    if not addresses or not all(map(_MAILBOX.fullmatch, addresses)):
        raise ValueError(f"{value!r} is not an email address; write one such as team@example.com")
    return value


def _mailbox(value: str) -> str:
    if not _MAILBOX.fullmatch(value):
        raise ValueError(f"{value!r} is not an email address; write one such as team@example.com")
    return value


def _runbooks(value: str) -> str:
    if not re.fullmatch(r"[^\s{}]+", value):
        raise ValueError(
            f"{value!r} is neither a folder nor a URL; write docs/runbooks or https://example.com/runbooks"
        )
    return value


def _alert(value: str) -> str:
    if not re.fullmatch(_ALERT, value):
        raise ValueError(f"{value!r} is not an alert name; write it in CamelCase without spaces, such as QueueTooLong")
    return value


def sent_in_clear_text(url: str) -> bool:
    """Whether a request to this URL leaves the cluster unencrypted."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not (parts.hostname or "").endswith(_IN_CLUSTER)


SPAN_SCHEMA = {"type": "string", "pattern": _SPAN.pattern, "examples": ["15d", "36h"]}
Span = Annotated[int, BeforeValidator(_span), WithJsonSchema(SPAN_SCHEMA)]
"""Written as days and hours (`15d`, `36h`), kept in seconds."""
Interval = Annotated[Seconds, AfterValidator(_interval)]
"""Short enough for a sample in the shortest range of the platform's alerts."""
Percent = Annotated[
    float,
    BeforeValidator(_percent),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100}),
]
Number = Annotated[float, BeforeValidator(_number), WithJsonSchema({"type": "number"})]
Latency = Annotated[
    float, BeforeValidator(_bucket), WithJsonSchema({"type": "string", "enum": [bucket_text(each) for each in BUCKETS]})
]
"""Written as a bucket of the histogram (`250ms`), kept in seconds."""
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
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Mailboxes = Annotated[str, AfterValidator(_mailboxes)]
Runbooks = Annotated[str, AfterValidator(_runbooks)]
AlertName = Annotated[str, AfterValidator(_alert), WithJsonSchema({"type": "string", "pattern": _ALERT})]
