"""Each image by itself."""

import pytest
import requests

from tests.images.engine import IMAGES, USERNAME, Engine, WriteSecrets, address, run_to_end, wait_for
from tests.images.services import mounted


@pytest.mark.parametrize("name", ["serving", "tracking", "training"])
def test_unit_tests_pass_inside_the_image(engine: Engine, name: str) -> None:
    container = engine.start(
        name,
        entrypoint=["python", "-m", "unittest", "discover", "-s", "/tests"],
        environment={"PYTHONPATH": "/app"},
        volumes=mounted(IMAGES / name / "tests", "/tests"),
    )
    code, log = run_to_end(container)
    assert code == 0, log
    assert "Ran 0 tests" not in log


@pytest.mark.parametrize("name", ["base", "registry", "serving", "tracking", "training"])
def test_images_run_as_nobody_in_particular(engine: Engine, name: str) -> None:
    assert engine.client.images.get(engine.image(name)).attrs["Config"]["User"] == "65532:65532"


@pytest.mark.parametrize("name", ["serving", "tracking", "training"])
def test_images_hold_no_compiler_and_no_installer(engine: Engine, name: str) -> None:
    tools = "gcc cc make uv"
    container = engine.start(
        name, entrypoint=["sh", "-c", f"for tool in {tools}; do command -v $tool; done; du -s /tmp /root"]
    )
    _, log = run_to_end(container)
    assert not [line for line in log.splitlines() if line.startswith("/")], log


def test_registry_asks_for_a_login(engine: Engine, write_secrets: WriteSecrets) -> None:
    import bcrypt

    line = f"{USERNAME}:{bcrypt.hashpw(engine.password.encode(), bcrypt.gensalt(4)).decode()}\n"
    container = engine.start(
        "registry",
        volumes=mounted(write_secrets("auth", {"htpasswd": line}), "/auth"),
        ports={"5000/tcp": ("127.0.0.1", 0)},
    )
    url = address(container, 5000)
    wait_for(f"{url}/v2/", container, status=401)
    assert requests.get(f"{url}/v2/_catalog", auth=(USERNAME, "wrong"), timeout=20).status_code == 401
    answer = requests.get(f"{url}/v2/_catalog", auth=(USERNAME, engine.password), timeout=20)
    assert answer.json() == {"repositories": []}
    begun = requests.post(f"{url}/v2/some/image/blobs/uploads/", auth=(USERNAME, engine.password), timeout=20)
    assert begun.status_code == 202, "its storage is not writable"
