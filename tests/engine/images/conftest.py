"""What the tests of the images share: one engine, one tracking server, one trained model, one endpoint."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.errors import DockerException, ImageNotFound

from infra.secrets.derive import derived_password
from offline import docker_engine
from offline.base_image import IMAGE
from tests.engine.images.engine import Engine, WriteSecrets, address, run_to_end, wait_for
from tests.engine.images.services import TEAMS, Tracking, mlflow_credentials, serve, track, train


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    if docker_engine.host() is None:
        pytest.skip("needs a Docker engine; `make test` starts one where it can")
    engine = Engine(docker_engine.client())
    try:
        engine.client.images.get(IMAGE)
    except (ImageNotFound, DockerException):
        pytest.skip(f"needs the base image {IMAGE}; `make test` makes it")
    engine.client.networks.create(engine.name, driver="bridge")
    try:
        yield engine
    finally:
        engine.stop()


@pytest.fixture(scope="session")
def write_secrets(tmp_path_factory: pytest.TempPathFactory) -> WriteSecrets:
    """Files as a secret volume has them: readable by the container's user."""

    def write(name: str, values: dict[str, str]) -> Path:
        folder = tmp_path_factory.mktemp(name)
        folder.chmod(0o755)
        for file, value in values.items():
            (folder / file).write_text(value)
            (folder / file).chmod(0o644)
        return folder

    return write


@pytest.fixture(scope="session")
def tracking(engine: Engine, write_secrets: WriteSecrets) -> Tracking:
    return track(engine, write_secrets("logins", {"keys": f"{engine.password}\n"}))


@pytest.fixture(scope="session")
def credentials(engine: Engine, write_secrets: WriteSecrets) -> Path:
    return write_secrets(
        "credentials", {"credentials": mlflow_credentials(TEAMS[0], derived_password(engine.password, TEAMS[0]))}
    )


@pytest.fixture(scope="session")
def trained(engine: Engine, tracking: Tracking, credentials: Path) -> str:
    code, log = run_to_end(train(engine, credentials))
    assert code == 0, log
    return log


@pytest.fixture(scope="session")
def endpoint(engine: Engine, trained: str, credentials: Path) -> Iterator[str]:
    container = serve(engine, credentials)
    url = address(container, 8080)
    wait_for(f"{url}/v2/health/ready", container)
    yield url
