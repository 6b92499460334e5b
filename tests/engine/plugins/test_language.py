"""The language host, seen through the engine: programs, their failures, and policy packs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from offline.plugins.protocol import require_this_machine
from tests.pulumi_engine import Pulumi

POLICY = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

def long_enough(args, report):
    if args.resource_type == "random:index/randomPassword:RandomPassword" and args.props["length"] < 16:
        report("a password needs 16 characters")

PolicyPack(
    name="trial",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[ResourceValidationPolicy(name="long-passwords", description="Passwords are long.", validate=long_enough)],
)
"""


def test_a_program_gets_its_settings_and_its_secrets(pulumi: Pulumi) -> None:
    pulumi.run("config", "set", "greeting", "hello")
    pulumi.run("config", "set", "--secret", "token", "not-for-logs")
    pulumi.program(
        "import pulumi\nc = pulumi.Config()\n"
        "pulumi.export('greeting', c.require('greeting'))\n"
        "pulumi.export('token', c.require_secret('token'))\n"
        "pulumi.export('where', [pulumi.get_project(), pulumi.get_stack()])\n"
    )
    result = pulumi.up()
    assert result.outputs == {"greeting": "hello", "token": "not-for-logs", "where": ["trial", "test"]}
    assert "not-for-logs" not in result.text + pulumi.stored()


def test_a_program_runs_in_the_virtual_environment_and_folder_of_its_project(pulumi: Pulumi) -> None:
    (pulumi.folder / "neighbour.py").write_text("NAME = 'a module beside the program'\n")
    pulumi.program(
        "import os, sys, pulumi, neighbour\npulumi.export('seen', [sys.prefix, os.getcwd(), neighbour.NAME])\n"
    )
    assert pulumi.up().outputs["seen"] == [sys.prefix, str(pulumi.folder.resolve()), "a module beside the program"]


def test_a_failing_program_shows_its_own_lines_once(pulumi: Pulumi) -> None:
    pulumi.program("def fail():\n    raise ValueError('no such pool')\nfail()\n")
    result = pulumi.preview(check=False)
    assert result.code != 0
    assert result.text.count("ValueError: no such pool") == 1
    assert "non-zero exit code" not in result.text


def test_a_program_may_exit_with_a_code_of_its_own(pulumi: Pulumi) -> None:
    pulumi.program("import os\nos._exit(7)\n")
    result = pulumi.preview(check=False)
    assert result.code != 0
    assert "exit code: 7" in result.text


def test_what_a_program_prints_is_shown(pulumi: Pulumi) -> None:
    pulumi.program("print('a line from the program')\n")
    assert "a line from the program" in pulumi.preview().text


def test_a_mandatory_policy_refuses_what_it_forbids_and_passes_the_rest(pulumi: Pulumi) -> None:
    pack = pulumi.root / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
    (pack / "__main__.py").write_text(POLICY)
    program = "import pulumi_random as random\nrandom.RandomPassword('password', length={})\n"

    pulumi.program(program.format(8))
    refused = pulumi.preview("--policy-pack", str(pack), check=False)
    assert refused.code != 0
    assert "long-passwords" in refused.text
    assert "a password needs 16 characters" in refused.text

    pulumi.program(program.format(16))
    passed = pulumi.preview("--policy-pack", str(pack))
    assert passed.changes() == {"create": 2}


def test_a_stopped_preview_leaves_no_traceback_and_no_process(pulumi: Pulumi) -> None:
    started = pulumi.root / "started"
    pulumi.program(
        f"import os, pathlib, time\npathlib.Path({str(started)!r}).write_text(str(os.getpid()))\ntime.sleep(60)\n"
    )
    preview = subprocess.Popen(
        [pulumi.bin / "pulumi", "preview", "--non-interactive", "--color=never"],
        cwd=pulumi.folder,
        env=pulumi.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    program = _wait_for_pid(started)
    os.killpg(preview.pid, signal.SIGINT)  # what ^C in a terminal does
    text, _ = preview.communicate(timeout=30)
    assert preview.returncode != 0
    assert "Traceback" not in text
    assert _gone(program)


def test_a_killed_engine_leaves_no_process(pulumi: Pulumi) -> None:
    started = pulumi.root / "started"
    pulumi.program(
        f"import os, pathlib, time\npathlib.Path({str(started)!r}).write_text(str(os.getpid()))\ntime.sleep(60)\n"
    )
    preview = subprocess.Popen(
        [pulumi.bin / "pulumi", "preview", "--non-interactive"],
        cwd=pulumi.folder,
        env=pulumi.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    program = _wait_for_pid(started)
    preview.kill()
    preview.wait()
    assert _gone(program)


@pytest.mark.parametrize("address", ["10.0.0.7:4000", "engine.example.org:4000", "127.0.0.1.example.org:4000", ""])
def test_an_engine_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not on this machine"):
        require_this_machine(address)


@pytest.mark.parametrize("address", ["127.0.0.1:4000", "localhost:4000", "[::1]:4000"])
def test_an_engine_of_this_machine_is_served(address: str) -> None:
    assert require_this_machine(address) == address


def _wait_for_pid(file: Path) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if file.exists() and (text := file.read_text()):
            return int(text)
        time.sleep(0.05)
    raise AssertionError("the program did not start")


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):  # the latter: it ends between opening and reading
            return True
        time.sleep(0.1)
    return False
