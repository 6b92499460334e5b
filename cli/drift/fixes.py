"""What to do about drift, in one line."""

from collections.abc import Mapping
from typing import Any

from cli.drift.report import Kind
from infra.catalogue.data_stores import data_store
from infra.catalogue.names import PROJECT

_SECTIONS = {"Serving": "serving", "Training": "training", "Batch": "batch", "Workspace": "teams"}
"""Of the declaration, by the type of the component that it declares."""


def of_object(stack: str, resource: Mapping[str, Any], kind: Kind) -> str:
    """For an object of Kubernetes, which `make up` compares with the state, too."""
    up, file = f"`make up STACK={stack}`", f"Pulumi.{stack}.yaml"
    section = _section(resource["urn"])
    if kind == "deleted":
        stored = data_store(resource["type"], resource.get("inputs", {}))
        back = f"{up} creates it again{', without its data' if stored else ''}"
        return f"{back}; to do without it, remove it from {section} in {file}" if section else back
    if resource["type"].endswith(":Secret"):
        renew = f"`make rotate STACK={stack} SECRET=<name>`, or `pulumi config set --secret <name>` if you provide it"
        return f"{up} puts it back; for a new value: {renew}"
    back = f"{up} puts it back"
    return f"{back}; to keep it, declare it in {section} in {file}" if section else back


def of_other(stack: str, urn: str) -> str:
    """For other resources, which an update does not read."""
    return (
        f"in `make shell STACK={stack}`: `pulumi refresh --target '{urn}'`; then `make up STACK={stack}` puts it back"
    )


def _section(urn: str) -> str:
    """The path of the setting that declares the resource's component, if there is one."""
    types = urn.split("::", 3)[2].split("$")
    own = [each.rpartition(":")[2] for each in types if each.startswith(f"{PROJECT}:")]
    return next((f"platform.{_SECTIONS[name]}" for name in reversed(own) if name in _SECTIONS), "")
