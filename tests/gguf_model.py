"""A version of a model in GGUF on a tracking server, through its REST API alone."""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import requests

from tests.logged_model import Login, post

WRITER = Path(__file__).parents[1] / "images" / "llm" / "tests" / "tiny_model.py"


def register_gguf(url: str, login: Login, model: str, digest: str | None = None, *, adapter: bool = False) -> str:
    """Its version. `digest` is its tag `sha256`; None: the right one. An adapter is one of the model in GGUF."""
    content = written("adapter") if adapter else written()
    experiment = post(url, login, "experiments/create", name=f"{model}-weights")["experiment_id"]
    run = post(url, login, "runs/create", experiment_id=experiment, start_time=1)["run"]["info"]
    folder = run["artifact_uri"].removeprefix("mlflow-artifacts:").strip("/")
    path = f"{url}/api/2.0/mlflow-artifacts/artifacts/{folder}/model/tiny.gguf"
    assert requests.put(path, content, auth=login, timeout=30).ok
    post(url, login, "registered-models/create", name=model)
    tag = {"key": "sha256", "value": digest or hashlib.sha256(content).hexdigest()}
    of_run = {"source": f"{run['artifact_uri']}/model", "run_id": run["run_id"]}
    version = post(url, login, "model-versions/create", name=model, tags=[tag], **of_run)["model_version"]
    return str(version["version"])


def written(*arguments: str) -> bytes:
    """The file, as the tests of the image write it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "tiny.gguf")
        subprocess.run([sys.executable, str(WRITER), str(file), *arguments], check=True)
        return file.read_bytes()
