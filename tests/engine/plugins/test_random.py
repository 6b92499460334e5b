"""The stand-in for the random plugin, seen through the engine and the official SDK."""

from __future__ import annotations

import string
import subprocess
import sys

from tests.engine.plugins.test_aws import CLIENTS
from tests.pulumi_engine import Pulumi

PASSWORD = "random:index/randomPassword:RandomPassword"


def program(arguments: str) -> str:
    return f"""
import pulumi, pulumi_random as random
password = random.RandomPassword("password", {arguments})
pulumi.export("result", password.result)
pulumi.export("hash", password.bcrypt_hash)
"""


def test_a_password_is_drawn_once_and_kept(pulumi: Pulumi) -> None:
    pulumi.program(program("length=24, special=False, min_numeric=3"))
    drawn = pulumi.up().outputs["result"]
    assert len(drawn) == 24
    assert set(drawn) <= set(string.ascii_letters + string.digits)
    assert sum(character.isdigit() for character in drawn) >= 3
    again = pulumi.up()
    assert again.changes() == {"unchanged": 2}
    assert again.outputs["result"] == drawn


def test_a_password_never_lies_in_the_state_in_clear(pulumi: Pulumi) -> None:
    pulumi.program(program("length=24"))
    result = pulumi.up()
    assert result.outputs["result"] not in pulumi.stored()
    assert result.outputs["hash"] not in pulumi.stored()
    assert result.outputs["result"] not in result.text


def test_the_state_reads_as_the_official_plugins(pulumi: Pulumi) -> None:
    pulumi.program(program("length=12, special=False"))
    pulumi.up()
    (password,) = pulumi.resources(PASSWORD)
    assert password["id"] == "none"
    assert password["inputs"] == {"length": 12, "special": False}
    outputs = {key: value for key, value in password["outputs"].items() if key not in ("result", "bcryptHash")}
    assert outputs == {
        "__meta": '{"schema_version":"3"}',
        "id": "none",
        "length": 12,
        "lower": True,
        "minLower": 0,
        "minNumeric": 0,
        "minSpecial": 0,
        "minUpper": 0,
        "number": True,
        "numeric": True,
        "special": False,
        "upper": True,
    }


def test_other_keepers_draw_anew(pulumi: Pulumi) -> None:
    pulumi.program(program('length=8, keepers={"epoch": "1"}'))
    first = pulumi.up().outputs["result"]
    pulumi.program(program('length=8, keepers={"epoch": "2"}'))
    second = pulumi.up()
    assert second.changes()["replace"] == 1
    assert second.outputs["result"] != first


def test_minimums_that_do_not_fit_are_refused_before_anything_is_made(pulumi: Pulumi) -> None:
    pulumi.program(program("length=4, min_lower=3, min_upper=3"))
    refused = pulumi.preview(check=False)
    assert refused.code != 0
    assert "length must be at least 1 and at least the sum of the minimums, 6" in refused.text


def test_a_type_that_the_program_does_not_use_is_refused(pulumi: Pulumi) -> None:
    pulumi.program("import pulumi_random as random\nrandom.RandomId('id', byte_length=4)\n")
    refused = pulumi.preview(check=False)
    assert refused.code != 0
    assert "does not support random:index/randomId:RandomId; use the official plugin" in refused.text


def test_no_client_of_any_network_is_loaded() -> None:
    """It draws passwords, and reaches nothing."""
    program = "import sys, offline.plugins.random\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert set(CLIENTS) & set(loaded) == set()
