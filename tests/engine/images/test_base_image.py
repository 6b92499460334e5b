"""The base image that is made where none can be pulled."""

import shutil
from pathlib import Path

import pytest

from common.errors import CommandError
from offline import base_image
from tests.engine.images.engine import Engine, output, run_to_end


def test_one_that_is_there_is_taken_as_it_is(engine: Engine, tmp_path: Path) -> None:
    reports: list[str] = []
    before = engine.client.images.get(base_image.IMAGE).id
    assert base_image.ensure_base_image(engine.client, tmp_path, reports.append) == base_image.IMAGE
    assert (reports, list(tmp_path.iterdir())) == ([], [])
    assert engine.client.images.get(base_image.IMAGE).id == before


def test_another_ca_bundle_makes_another_image(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.crt"
    digests = set()
    for content in ("one", "other", "one"):
        bundle.write_text(content)
        digests.add(base_image._recipe_digest(bundle))
    assert len(digests) == 2


def test_a_missing_ca_bundle_is_named(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.crt"))
    with pytest.raises(CommandError) as refused:
        base_image.ensure_base_image(engine.client, tmp_path, print)
    assert refused.value.why == f"there is no CA bundle at {tmp_path / 'none.crt'}"


@pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="needs mmdebstrap; `make up` installs it")
def test_a_failing_bootstrap_gives_its_reason_and_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_image, "SUITE", "no-such-suite")
    with pytest.raises(CommandError) as refused:
        base_image._bootstrap(tmp_path / "root", tmp_path / "ca.crt")
    assert refused.value.log is not None
    assert f"E: {refused.value.why}" in refused.value.log.read_text()


def test_a_machine_without_mmdebstrap_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError) as refused:
        base_image._bootstrap(tmp_path / "root", tmp_path / "ca.crt")
    assert refused.value.hint == "apt-get install mmdebstrap"


def test_builds_inside_trust_what_this_machine_trusts(engine: Engine) -> None:
    container = engine.start("base", entrypoint=["sh", "-c", 'test -z "$SSL_CERT_FILE" || test -s "$SSL_CERT_FILE"'])
    assert container.wait(timeout=30)["StatusCode"] == 0, output(container)


def test_wheels_that_need_openmp_work_in_an_image_of_ones_own(engine: Engine) -> None:
    """LightGBM's wheel, as others, has no OpenMP of its own."""
    code, log = run_to_end(engine.start("lightgbm"))
    assert code == 0, log
