"""Ways to a service that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.forward import forward
from common.errors import CommandError


def test_a_machine_without_kubectl_is_told_so(tmp_path: Path) -> None:
    with (
        pytest.raises(CommandError, match="no kubectl") as refused,
        forward("vision", "digits", 8080, "mine", {"PATH": str(tmp_path)}),
    ):
        pass  # nobody gets here
    assert "install it" in refused.value.hint


def test_what_kubectl_says_is_the_reason(tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text('#!/bin/sh\necho "error: context \\"mine\\" does not exist" >&2\nexit 1\n')
    kubectl.chmod(0o755)
    with (
        pytest.raises(CommandError, match="service vision/digits can't be reached") as refused,
        forward("vision", "digits", 8080, "mine", {"PATH": str(tmp_path)}),
    ):
        pass  # nobody gets here
    assert refused.value.why == 'error: context "mine" does not exist'
