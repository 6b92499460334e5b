"""The tracking server: its logins, its health, its user interface, and what teams see of each other."""

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer
from rich.table import Table

from tests.engine.images.engine import USERNAME, Engine, WriteSecrets, address, output, run_to_end
from tests.engine.images.services import MODEL, TEAMS, Tracking, mlflow_credentials, track, train
from tests.tables import show
from tests.waiting import eventually

Login = tuple[str, str]
Attempt = tuple[str, str, dict[str, Any]]
OTHER_MODEL = "words"
API = "/api/2.0/mlflow"


def test_tracking_refuses_wrong_and_missing_passwords_but_tells_its_health(tracking: Tracking) -> None:
    search = f"{tracking.url}/api/2.0/mlflow/experiments/search?max_results=1"
    assert requests.get(search, timeout=20).status_code == 401
    assert requests.get(search, auth=(USERNAME, "wrong"), timeout=20).status_code == 401
    assert requests.get(search, auth=tracking.login, timeout=20).status_code == 200
    assert requests.get(f"{tracking.url}/health", timeout=20).status_code == 200
    assert requests.get(search, auth=tracking.login, headers={"host": "elsewhere"}, timeout=20).status_code == 403


def test_tracking_has_its_user_interface(tracking: Tracking) -> None:
    page = requests.get(tracking.url, auth=tracking.login, timeout=20)
    assert page.ok
    assert "<title>MLflow</title>" in page.text


def test_tracking_tells_what_it_is_asked_on_a_port_that_has_nothing_else(tracking: Tracking) -> None:
    runs = f"{tracking.url}{API}/runs/get"
    before = answers(tracking, "runs", "401")
    assert requests.get(runs, params={"run_id": "none"}, timeout=20).status_code == 401
    eventually(lambda: answers(tracking, "runs", "401") == before + 1, what="the count")
    page = metrics(tracking)
    assert "tracking_request_duration_seconds_bucket" in page
    assert "tracking_requests_in_flight" in page
    told = address(tracking.container, 5001)
    assert requests.get(f"{told}{API}/experiments/search", timeout=20).text.startswith("# HELP")
    assert requests.post(f"{told}{API}/experiments/create", json={"name": "tried"}, timeout=20).status_code == 405
    assert requests.get(f"{tracking.url}/metrics", timeout=20).status_code == 401


def metrics(tracking: Tracking) -> str:
    return requests.get(f"{address(tracking.container, 5001)}/metrics", timeout=20).text


def answers(tracking: Tracking, route: str, code: str) -> float:
    told = [
        line.split()[1]
        for line in metrics(tracking).splitlines()
        if line.startswith("tracking_requests_total{") and f'route="{route}"' in line and f'code="{code}"' in line
    ]
    return sum(map(float, told))


def test_tracking_writes_the_password_to_no_log(engine: Engine, tracking: Tracking) -> None:
    assert engine.password not in output(tracking.container)


def ask(tracking: Tracking, login: Login, method: str, path: str, **sent: Any) -> requests.Response:
    return requests.request(method, f"{tracking.url}{path}", auth=login, timeout=30, **sent)


@pytest.fixture(scope="module")
def models(engine: Engine, tracking: Tracking, trained: str, write_secrets: WriteSecrets) -> Mapping[str, str]:
    """Each team's own model; the second team trains one too."""
    team = TEAMS[1]
    login = write_secrets(team, {"credentials": mlflow_credentials(*tracking.teams[team])})
    code, log = run_to_end(train(engine, login, model=OTHER_MODEL))
    assert code == 0, log
    return {TEAMS[0]: MODEL, team: OTHER_MODEL}


def attempts(tracking: Tracking, name: str) -> Mapping[str, Attempt]:
    """What one may try on the run behind a model, its files and the model itself."""
    run = tracking.champion(name)["run_id"]
    found = ask(tracking, tracking.login, "GET", f"{API}/runs/get", params={"run_id": run}).json()["run"]["info"]
    experiment, files = found["experiment_id"], found["artifact_uri"].removeprefix("mlflow-artifacts:/")
    model = {"name": name}
    return {
        "read the experiment": ("GET", f"{API}/experiments/get", {"params": {"experiment_id": experiment}}),
        "read the run": ("GET", f"{API}/runs/get", {"params": {"run_id": run}}),
        "read an artifact": ("GET", "/get-artifact", {"params": {"run_uuid": run, "path": "holdout/holdout.json"}}),
        "download a file": ("GET", f"/api/2.0/mlflow-artifacts/artifacts/{files}/holdout/holdout.json", {}),
        "upload a file": ("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{files}/planted", {"data": b"x"}),
        "log a metric": (
            "POST",
            f"{API}/runs/log-metric",
            {"json": {"run_id": run, "key": "tried", "value": 1.0, "timestamp": 1}},
        ),
        "read the model": ("GET", f"{API}/registered-models/get", {"params": model}),
        "read a version": ("GET", f"{API}/model-versions/get", {"params": {**model, "version": "1"}}),
        "find its files": ("GET", f"{API}/model-versions/get-download-uri", {"params": {**model, "version": "1"}}),
        "move an alias": (
            "POST",
            f"{API}/registered-models/alias",
            {"json": {**model, "alias": "tried", "version": "1"}},
        ),
    }


def test_a_team_reaches_its_own_runs_files_and_models_and_nobody_elses(
    tracking: Tracking, models: Mapping[str, str], pytestconfig: pytest.Config
) -> None:
    who = {**tracking.teams, "stranger": ("stranger", "none")}
    found = {
        (name, owner): {
            attempt: ask(tracking, login, *how[:2], **how[2]).status_code
            for attempt, how in attempts(tracking, model).items()
        }
        for name, login in who.items()
        for owner, model in models.items()
    }
    show(table(found), pytestconfig)
    expected = {(name, owner): 200 if name == owner else 401 if name == "stranger" else 403 for name, owner in found}
    assert {pair: set(row.values()) for pair, row in found.items()} == {
        pair: {status} for pair, status in expected.items()
    }


def table(found: Mapping[tuple[str, str], Mapping[str, int]]) -> Table:
    table = Table("who", "whose", *next(iter(found.values())))
    for (who, owner), row in found.items():
        table.add_row(who, owner, *("yes" if status == 200 else str(status) for status in row.values()))
    return table


def test_what_a_team_may_not_see_is_in_no_search(tracking: Tracking, models: Mapping[str, str]) -> None:
    query = {"max_results": 100}
    for team, own in models.items():
        login = tracking.teams[team]
        registered = ask(tracking, login, "GET", f"{API}/registered-models/search").json()["registered_models"]
        experiments = ask(tracking, login, "POST", f"{API}/experiments/search", json=query).json()["experiments"]
        others = {*models.values()} - {own}
        for found in registered, experiments:
            names = {each["name"] for each in found}
            assert own in names
            assert not names & others


S3_LOGIN = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-central-1"}
BUCKET = "models"


@pytest.fixture(scope="module")
def s3(engine: Engine) -> Iterator[str]:
    """Where containers reach a store with one bucket, in the engine's own network."""
    network = engine.client.networks.get(engine.name)
    gateway = network.attrs["IPAM"]["Config"][0]["Gateway"]
    server = ThreadedMotoServer(ip_address=gateway, port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    store(url).create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": S3_LOGIN["region_name"]})
    yield url
    server.stop()


def store(url: str) -> Any:
    return boto3.client("s3", endpoint_url=url, **S3_LOGIN)


@pytest.fixture(scope="module")
def on_s3(engine: Engine, s3: str, write_secrets: WriteSecrets) -> Tracking:
    """A server whose files are in a bucket that only it reads, with a model of the first team."""
    keys = write_secrets("logins", {"keys": f"{engine.password}\n"})
    environment = {"MLFLOW_S3_ENDPOINT_URL": s3, "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{BUCKET}"}
    login = {option.upper(): value for option, value in S3_LOGIN.items() if option != "region_name"}
    server = track(engine, keys, "on-s3", AWS_DEFAULT_REGION=S3_LOGIN["region_name"], **login, **environment)
    credentials = write_secrets("on-s3", {"credentials": mlflow_credentials(*server.teams[TEAMS[0]])})
    code, log = run_to_end(train(engine, credentials, uri="http://on-s3:5000"))
    assert code == 0, log
    return server


@pytest.mark.parametrize("place", ["tracking", "on_s3"])
def test_no_team_tells_the_server_where_files_are(place: str, request: pytest.FixtureRequest, trained: str) -> None:
    """It would read them with its own rights, whosoever they are."""
    server: Tracking = request.getfixturevalue(place)
    login = server.teams[TEAMS[1]]
    made = ask(server, login, "POST", f"{API}/experiments/create", json={"name": f"own of {place}"})
    assert made.ok, made.text
    experiment = made.json()["experiment_id"]
    trace = start_trace(server, server.login, experiment).json()["trace"]["trace_info"]["trace_id"]
    found = {
        (theirs, what): ask(server, login, *how[:2], **how[2]).status_code
        for theirs in places(server)
        for what, how in directions(theirs, experiment, trace).items()
    }
    assert set(found.values()) == {403}, found
    assert start_trace(server, login, experiment).status_code == 403
    spans = {"headers": {"x-mlflow-experiment-id": experiment, "content-type": "application/x-protobuf"}, "data": b""}
    assert ask(server, login, "POST", "/v1/traces", **spans).status_code == 403


def places(server: Tracking) -> list[str]:
    """All the ways to write where another team's files are."""
    run = server.champion()["run_id"]
    uri = ask(server, server.login, "GET", f"{API}/runs/get", params={"run_id": run}).json()["run"]["info"][
        "artifact_uri"
    ]
    path = uri.removeprefix("mlflow-artifacts:/")
    return [uri, f"s3://{BUCKET}/{path}", f"/data/artifacts/{path}", f"file:///data/artifacts/{path}"]


def directions(theirs: str, experiment: str, trace: str) -> Mapping[str, Attempt]:
    location = {"key": "mlflow.artifactLocation", "value": theirs}
    ended = {"timestamp_ms": 1, "status": "OK", "tags": [location]}
    elsewhere = {"name": f"in {theirs}"}
    return {
        "an experiment": ("POST", f"{API}/experiments/create", {"json": {**elsewhere, "artifact_location": theirs}}),
        "in other letters": ("POST", f"{API}/experiments/create", {"json": {**elsewhere, "artifactLocation": theirs}}),
        "a trace's tag": ("PATCH", f"{API}/traces/{trace}/tags", {"json": location}),
        "a trace's end": ("PATCH", f"{API}/traces/{trace}", {"json": ended}),
        "a trace's files": ("GET", "/ajax-api/2.0/mlflow/get-trace-artifact", {"params": {"request_id": trace}}),
    }


def start_trace(server: Tracking, login: Login, experiment: str) -> requests.Response:
    where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    begun = {"trace_id": "tr-0", "trace_location": where, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
    return ask(server, login, "POST", "/api/3.0/mlflow/traces", json={"trace": {"trace_info": begun}})


def test_a_file_may_be_called_like_what_teams_have_none_of(tracking: Tracking, models: Mapping[str, str]) -> None:
    (uri, *_), team = places(tracking), TEAMS[0]
    file = f"/api/2.0/mlflow-artifacts/artifacts/{uri.removeprefix('mlflow-artifacts:/')}/traces/trace.json"
    assert ask(tracking, tracking.teams[team], "PUT", file, data=b"{}").status_code == 200


@pytest.mark.parametrize("place", ["tracking", "on_s3"])
def test_a_version_has_files_of_its_own_team_only(place: str, request: pytest.FixtureRequest, trained: str) -> None:
    server: Tracking = request.getfixturevalue(place)
    login, thief = server.teams[TEAMS[1]], f"thief of {place}"
    assert ask(server, login, "POST", f"{API}/registered-models/create", json={"name": thief}).ok
    run = server.champion()["run_id"]
    sources = [*places(server), f"s3://{BUCKET}", f"runs:/{run}/holdout", f"models:/{MODEL}/1"]
    found = {
        source: ask(server, login, "POST", f"{API}/model-versions/create", json={"name": thief, "source": source})
        for source in sources
    }
    assert {
        source: answer.status_code for source, answer in found.items() if answer.status_code not in {400, 403}
    } == {}
    read = {"name": thief, "path": "holdout/holdout.json"}
    assert not ask(server, login, "GET", "/model-versions/get-artifact", params={**read, "version": "1"}).ok
