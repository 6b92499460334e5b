"""The schema by which editors complete, and the page of all settings: made from the models, and true."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest

from infra.declaration import schema, settings_page
from infra.declaration.types import Settings
from infra.workloads.kind import Job, Workload

DOCUMENT: dict[str, Any] = json.loads(schema.text())
PLATFORM: dict[str, Any] = DOCUMENT["properties"]["config"]["properties"]["ml-platform:platform"]
GROUPS = {
    group.__name__: group for group in [*Settings.__subclasses__(), *Workload.__subclasses__(), *Job.__subclasses__()]
}


def settings() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every setting of every group."""
    for group, node in {"Platform": PLATFORM, **DOCUMENT["$defs"]}.items():
        for name, setting in node.get("properties", {}).items():
            yield f"{group}.{name}", setting


def field_of(name: str) -> tuple[type[Settings], str]:
    """The model's own field behind a setting's name."""
    group, _, setting = name.partition(".")
    fields = {info.alias: field for field, info in GROUPS[group].model_fields.items()}
    return GROUPS[group], fields[setting]


def kept(group: type[Settings], field: str, written: object) -> object:
    """What a group's own validation makes of one setting."""
    return getattr(group.__pydantic_validator__.validate_assignment(group.model_construct(), field, written), field)


@pytest.mark.parametrize("made", [schema, settings_page], ids=["schema", "page"])
def test_what_is_made_from_the_models_is_up_to_date(made: ModuleType) -> None:
    assert made.FILE.read_text() == made.text(), "run: make schema"


def test_a_mistyped_setting_is_an_error_in_editors_too() -> None:
    assert DOCUMENT["$defs"]["Gpu"]["additionalProperties"] is False


def test_every_default_is_what_the_schema_allows() -> None:
    jsonschema: Any = importlib.import_module("jsonschema")
    whole = jsonschema.Draft202012Validator(DOCUMENT)
    refused = {
        name: error.message
        for name, setting in settings()
        if "default" in setting
        for error in whole.evolve(schema=setting).iter_errors(setting["default"])
    }
    assert refused == {}


def test_a_default_that_is_written_out_changes_nothing() -> None:
    for name, setting in settings():
        if setting.get("default") is not None:
            group, field = field_of(name)
            assert kept(group, field, setting["default"]) == kept(group, field, group.model_fields[field].default), name


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, setting in settings() if not setting.get("description")] == []


def test_every_setting_has_its_row_on_the_page() -> None:
    rows = re.findall(r"^\| `(?:[^`]+\.)?(\w+)` \|", settings_page.text(), re.M)
    assert sorted(rows) == sorted(name.partition(".")[2] for name, _ in settings())


def test_every_link_on_the_page_leads_to_a_heading() -> None:
    page = settings_page.text()
    headings = {settings_page.anchor(heading) for heading in re.findall(r"^## (.*)$", page, re.M)}
    assert set(re.findall(r"\]\(#([^)]*)\)", page)) <= headings
    assert "trainingnameresources" in headings


def test_nothing_on_the_page_is_taken_for_a_tag_of_html() -> None:
    """`<name>` outside code would not be shown."""
    assert re.findall(r"<\w+>", re.sub(r"`[^`]*`", "", settings_page.text())) == []
