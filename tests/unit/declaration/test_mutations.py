"""`check` on 300 stack files that are odd in one way or another: it accepts or refuses each, in lines, at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from infra.declaration.__main__ import main
from tests.unit.declaration.mutations import COUNT, stack_files
from tests.unit.declaration.samples import REPOSITORY

SECONDS = 2
"""Of the processor: other programs of a machine take none of these."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutations")
    (folder / "images").symlink_to(REPOSITORY / "images")
    for name, content in stack_files():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("part", range(10))
def test_each_is_valid_or_refused_in_lines_that_name_the_file(
    folder: Path, part: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(part, COUNT, 10):
        file = folder / f"Pulumi.case{number}.yaml"
        begin = time.process_time()
        code = main([str(file)])
        assert time.process_time() - begin < SECONDS, file.name
        out, err = capsys.readouterr()
        if code == 0:
            assert (out, err) == (f"{file.name}: valid\n", "")
        else:
            assert code == 1
            assert out == ""
            assert all(line.startswith(f"{file.name}: ") and len(line) < 1000 for line in err.splitlines()), err
