"""What a declaration may say, Prometheus and Alertmanager can read; what it may not, they can't."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from pydantic import ValidationError

from infra.declaration.monitoring import Monitoring
from infra.observability.rules_file import rules_file
from tests.cluster.monitoring.tools import Promtool

MAIL = {"to": "a@b.example", "sender": "c@d.example"}


def rules(summary: str) -> dict[str, object]:
    return {"rules": {"Mine": {"expr": "up == 0", "summary": summary}}}


def is_readable(promtool: Promtool, name: str, document: object, *command: str) -> bool:
    (promtool.folder / name).write_text(yaml.safe_dump(document))
    return promtool.run(*command, name).code == 0


@pytest.mark.parametrize(
    "summary",
    [
        "{{ $labels.pod }}",
        "{{$value}} of {{ $labels.instance | toUpper }}",
        '{{ printf "%.1f" $value }} or {{ $value | humanizePercentage | printf "%s" }}',
        "braces such as {these} or }}",
    ],
)
def test_a_summary_that_is_taken_is_read(promtool: Promtool, summary: str) -> None:
    document = rules_file(Monitoring.model_validate(rules(summary)), {})
    assert is_readable(promtool, "rules.yml", document, "check", "rules")


@pytest.mark.parametrize("summary", ["{{ $labels.pod ", "{{ nope }}", "{{ $label.pod }}", "{{ $value | nope }}"])
def test_a_summary_that_would_spoil_the_file_is_refused_before(promtool: Promtool, summary: str) -> None:
    """Prometheus would keep to the rules that it had, and never read a changed one again."""
    document = rules_file(Monitoring.model_validate(rules("mine")), {})
    document["groups"][-1]["rules"][0]["annotations"]["summary"] = summary
    assert not is_readable(promtool, "rules.yml", document, "check", "rules")
    with pytest.raises(ValidationError, match="summary"):
        Monitoring.model_validate(rules(summary))


@pytest.mark.parametrize(
    ("server", "readable"), [("smtp.example:587", True), ("[::1]:25", True), ("smtp.example", False)]
)
def test_a_mail_server_needs_a_port(promtool: Promtool, server: str, readable: bool) -> None:
    post = {"to": "a@b.example", "from": "c@d.example", "smarthost": server}
    document = {"route": {"receiver": "post"}, "receivers": [{"name": "post", "email_configs": [post]}]}
    assert is_readable(replace(promtool, program="amtool"), "alertmanager.yml", document, "check-config") is readable
    try:
        Monitoring.model_validate({"receivers": {"post": {"email": {**MAIL, "server": server}}}})
    except ValidationError:
        assert not readable
    else:
        assert readable
