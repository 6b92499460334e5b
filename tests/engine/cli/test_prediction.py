"""Scoring live endpoints: where samples were kept they are counted, any other model has only to answer."""

from __future__ import annotations

import json

import pytest

from cli.prediction import Endpoint, Score, Tracking, score
from cli.summary import answered
from common.errors import CommandError
from tests.engine.cli.models import KEY, World, holdout, serving, tensor
from tests.ports import free_port


def scored(world: World) -> Score:
    with serving(world) as address:
        return score(Endpoint(address, KEY), "m", Tracking(address, "u", "p"))


def test_each_sample_that_training_never_saw_is_asked_for_and_counted() -> None:
    world = World()
    found = scored(world)
    assert found == Score("m", "3", samples=130, correct=87)
    assert world.asked == [60, 60, 10]
    assert "version 3 answers 87 of 130 held-out samples correctly: [bold]served accuracy 0.6692[/]" in answered(found)


def kept(**changes: object) -> World:
    return World(artifact=json.dumps({**holdout(4), **changes}))


NO_SAMPLES = "its run logged no held-out samples"
NO_ROWS = "it does not accept rows of 2 numbers"
FILE = "holdout/holdout.json of its run: "


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (World(artifact=None), NO_SAMPLES),
        (World(registered={"run_id": ""}), NO_SAMPLES),
        (World(registered=None), "the model registry has no such version"),
        (kept(labels=[0, 0.5, 1, 2]), f"{FILE}labels.1: Input should be a valid integer"),
        (kept(labels=["cat"] * 4), f"{FILE}labels.0: Input should be a valid integer"),
        (World(artifact='{"inputs": [[1]]}'), f"{FILE}labels: Field required"),
        (kept(inputs=[[[1.0]]] * 4), f"{FILE}inputs.0.0: Input should be a valid number"),
        (kept(inputs=[[float("nan")]] * 4), f"{FILE}inputs.0.0: Input should be a finite number"),
        (kept(inputs=[[1.0, 2.0]]), f"{FILE}1 inputs and 4 labels"),
        (kept(inputs=[[1.0], [1.0, 2.0]] * 2), f"{FILE}inputs have rows of different lengths"),
        (kept(inputs=[], labels=[]), f"{FILE}inputs: List should have at least 1 item"),
        (World(artifact="PAR1"), f"{FILE}Invalid JSON"),
        (World(inputs=[tensor("x", "FP32", -1, 3, 32, 32)]), NO_ROWS),
        (World(inputs=[tensor("x", "FP32", -1, 3)]), NO_ROWS),
        (World(inputs=[tensor("x", "BYTES", -1, 2)]), NO_ROWS),
        (World(inputs=[tensor("x", "FP32", -1, 2)] * 2), NO_ROWS),
        (World(outputs=[tensor("price", "FP32", -1)]), "none of its outputs is an integer, so none is a class"),
        (World(classes_a_sample=2), "its output label is not one number per sample"),
    ],
)
def test_a_model_that_can_not_be_scored_has_only_to_answer(world: World, said: str) -> None:
    found = scored(world)
    assert found.unscored.startswith(said)
    assert found == Score("m", "3", unscored=found.unscored)
    assert answered(found) == f"[bold green]m[/] version 3 answers ({found.unscored})"


def test_an_endpoint_that_does_not_serve_the_new_champion_yet_is_waited_for() -> None:
    assert scored(World(follows_after=2)).samples == 130


def test_an_endpoint_that_never_serves_its_champion_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.prediction.FOLLOWS_WITHIN", 0.0)
    with pytest.raises(CommandError, match="the endpoint does not serve the champion of m"):
        scored(World(follows_after=9))


def test_an_endpoint_with_a_fixed_version_is_asked_for_it_whatever_the_champion() -> None:
    world = World(champion="9")
    with serving(world) as address:
        tracking = Tracking(address, "u", "p")
        assert score(Endpoint(address, KEY), "m", tracking, 3).version == "3"


def test_a_fixed_version_that_is_not_loaded_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.prediction.FOLLOWS_WITHIN", 0.0)
    with serving(World(champion=None, follows_after=9)) as address:
        tracking = Tracking(address, "u", "p")
        with pytest.raises(CommandError, match="the endpoint does not serve version 3 of m"):
            score(Endpoint(address, KEY), "m", tracking, 3)


def test_an_endpoint_that_serves_another_version_than_the_fixed_one_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cli.prediction.FOLLOWS_WITHIN", 0.0)
    with serving(World()) as address, pytest.raises(CommandError, match="does not serve version 7 of m") as refused:
        score(Endpoint(address, KEY), "m", Tracking(address, "u", "p"), 7)
    assert refused.value.why == "it serves 3"


def test_an_endpoint_without_a_champion_is_no_error() -> None:
    found = scored(World(champion=None, follows_after=1))
    assert found == Score("m", "", waiting=True)
    assert answered(found) == "[yellow]m[/] waits for its first champion: no version has that alias yet"


@pytest.mark.parametrize("versions", [None, [], ["main"]])
def test_an_endpoint_may_name_no_version_of_the_registry(versions: list[str] | None) -> None:
    found = scored(World(versions=versions))
    assert found.unscored == "it reports no version of the model registry"


def test_an_endpoint_that_is_not_ready_is_an_error_whatever_was_kept() -> None:
    with pytest.raises(CommandError, match="the endpoint refused /v2/models/m/ready") as refused:
        scored(World(artifact=None, ready=503))
    assert refused.value.why.startswith("503")


def test_an_endpoint_that_refuses_samples_which_fit_is_an_error() -> None:
    with pytest.raises(CommandError, match="the endpoint refused /v2/models/m/infer"):
        scored(World(infer=500))


def test_a_dead_endpoint_is_an_error_and_no_traceback() -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(CommandError, match="the endpoint does not answer /v2/models/m"):
        score(Endpoint(dead), "m", Tracking(dead, "u", "p"))


@pytest.mark.parametrize("status", [401, 500])
def test_a_tracking_server_that_refuses_is_an_error(status: int) -> None:
    with pytest.raises(CommandError, match="the tracking server refused"):
        scored(World(tracking=status))
