"""A run that declares a checkpoint has a volume of its own, and time to save."""

from __future__ import annotations

from typing import Any

from infra.catalogue.data_stores import data_store
from tests.unit.components.recorder import Recorder, inputs, platform, run
from tests.unit.declaration.samples import in_cluster, small

CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
TRAINING = {"team": "vision", "image": "training", "model": "digits"}


def stack(**settings: Any) -> Recorder:
    return platform(small(training={"digits": {**TRAINING, **settings}}, serving={}, monitoring=None))


def job_of(recorder: Recorder) -> dict[str, Any]:
    return run(recorder, "digits").inputs


def claims(recorder: Recorder, namespace: str) -> list[dict[str, Any]]:
    found = [each.inputs for each in recorder.resources if each.type == CLAIM]
    return [each for each in found if each["metadata"]["namespace"] == namespace]


def pod(job: dict[str, Any]) -> dict[str, Any]:
    return dict(job["spec"]["template"]["spec"])


def env(job: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in pod(job)["containers"][0]["env"]}


def test_its_folder_is_a_volume_of_the_run() -> None:
    recorder = stack(checkpoint={"size": "3Gi"})
    job = job_of(recorder)
    name = job["metadata"]["name"]
    claim = inputs(recorder, CLAIM, f"vision-{name}")
    assert (claim["metadata"]["namespace"], claim["metadata"]["name"]) == ("vision", name)
    assert claim["spec"]["resources"] == {"requests": {"storage": "3Gi"}}
    (volume,) = [each for each in pod(job)["volumes"] if each["name"] == "checkpoint"]
    assert volume["persistentVolumeClaim"] == {"claimName": name}
    (mount,) = [each for each in pod(job)["containers"][0]["volumeMounts"] if each["name"] == "checkpoint"]
    assert env(job)["CHECKPOINT_DIR"] == mount["mountPath"]
    assert pod(job)["terminationGracePeriodSeconds"] == 120


def test_without_one_there_is_no_volume_and_no_variable() -> None:
    recorder = stack()
    job = job_of(recorder)
    assert "CHECKPOINT_DIR" not in env(job)
    assert pod(job)["terminationGracePeriodSeconds"] == 30
    assert claims(recorder, "vision") == []


def test_another_run_has_another_volume_and_another_size_is_no_reason_to_train_again() -> None:
    names = [
        job_of(stack(checkpoint={"size": size}, revision=revision))["metadata"]["name"]
        for size, revision in (("3Gi", 0), ("4Gi", 0), ("4Gi", 1))
    ]
    assert names[0] == names[1] != names[2]


def test_simulated_nodes_save_nothing() -> None:
    recorder = stack(checkpoint={"size": "3Gi"}, pool="a10g", gpus=1)
    assert "CHECKPOINT_DIR" not in env(job_of(recorder))
    assert claims(recorder, "vision") == []


def test_an_existing_clusters_class_is_used() -> None:
    changes = {"foundation.cluster.storageClass": "fast", "training.digits.checkpoint": {"size": "3Gi"}}
    recorder = platform(in_cluster(**changes), push="value-of-push", pull="value-of-pull")
    (claim,) = claims(recorder, "vision")
    assert claim["spec"]["storageClassName"] == "fast"


def test_it_is_no_data_store() -> None:
    recorder = stack(checkpoint={"size": "3Gi"})
    (of_the_run,) = claims(recorder, "vision")
    assert data_store(CLAIM, of_the_run) is None
    assert all(data_store(CLAIM, claim) for claim in claims(recorder, "ml-platform"))


def test_the_champion_to_start_from_and_the_promotion_are_told() -> None:
    told = env(job_of(stack(**{"from": "champion", "promotion": {"metric": "holdout_loss", "goal": "minimize"}})))
    assert told["MODEL_URI"] == "models:/digits@champion"
    assert (told["PROMOTION_METRIC"], told["PROMOTION_MARGIN"], told["PROMOTION_GOAL"]) == (
        "holdout_loss",
        "0.0",
        "minimize",
    )
    assert not {"MODEL_URI", "PROMOTION_METRIC"} & env(job_of(stack())).keys()
