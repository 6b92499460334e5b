"""Runs the Job's program with the environment and the files of the Job, against a fake Grafana."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.observability.dashboards import as_json
from tests.unit.components import grafanas
from tests.unit.components.recorder import inputs, platform
from tests.unit.declaration.samples import REPOSITORY

CODE = REPOSITORY / "images" / "dashboards"


@pytest.fixture
def grafana(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The image's code and the fake server of its tests."""
    for folder in (CODE, CODE / "tests"):
        monkeypatch.syspath_prepend(str(folder))
    import fake_grafana  # type: ignore[import-not-found]  # the image's own code

    yield fake_grafana
    for name in [each for each in sys.modules if each.split(".")[0] in ("dashboards", "fake_grafana")]:
        del sys.modules[name]


def test_every_dashboard_is_uploaded_as_defined(grafana: Any, tmp_path: Path) -> None:
    from dashboards.__main__ import main  # type: ignore[import-not-found]  # the image's own code

    stack = platform(grafanas.existing(), grafana_token="glsa_right")
    (container,) = inputs(stack, "kubernetes:batch/v1:Job", "dashboards")["spec"]["template"]["spec"]["containers"]
    secret = inputs(stack, "kubernetes:core/v1:Secret", "grafana-token")["stringData"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    for path, content in (
        ("DASHBOARDS", inputs(stack, "kubernetes:core/v1:ConfigMap", "dashboards")["data"]),
        ("TOKEN_FILE", {Path(environment["TOKEN_FILE"]).name: secret["value"]}),
    ):
        folder = tmp_path / path
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
        environment[path] = str(folder if path == "DASHBOARDS" else folder / Path(environment[path]).name)
    held = grafana.Held()
    with grafana.serving(held) as url:
        assert main(environment | {"GRAFANA_URL": url}) == 0
    shown = {f"{uid}.json": each for uid, each in held.dashboards.items()}
    declared = {name.replace(".json", "-test.json"): json.loads(text) for name, text in as_json().items()}
    assert shown.keys() == declared.keys()
    for name, dashboard in declared.items():
        assert shown[name]["panels"] == dashboard["panels"]
        assert shown[name]["title"] == dashboard["title"]
    assert held.folders == {"ml-platform-test": "ml-platform-test"}
