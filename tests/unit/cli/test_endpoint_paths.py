"""Where the commands ask an endpoint for its model, by its engine."""

from __future__ import annotations

from typing import Any

import pytest

from cli.exposed import commands
from cli.prediction import model_path

OUTPUT: dict[str, Any] = {"model": "chat", "url": "https://models.example.com/chat", "callers": {"ci": "a-key"}}


@pytest.mark.parametrize(("engine", "path"), [({}, "/v2/models/chat"), ({"engine": "llm"}, "/v1/models/chat")])
def test_commands_ask_for_the_model_where_its_api_has_it(engine: dict[str, str], path: str) -> None:
    output = {**OUTPUT, **engine}
    assert model_path(output) == path
    (command,) = commands("dev", {"endpoints": {"chat": output}})
    assert command == f'curl https://models.example.com/chat{path} -H "X-API-Key: <the secret ci>"'
