"""Weights in a dataset, with llama.cpp: in place from a volume, by a download from an object store."""

import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import httpx
import object_store
import tiny_model
from llm.dataset import find, require_unchanged
from llm.engine import Engine, Settings
from llm.weights import Weights, WeightsUnavailable

KEY = "models/tiny.gguf"
OTHER = "ab" * 32
PROGRAM = """
import sys
from functools import partial
from pathlib import Path

from llm import __main__ as program

program.dataset.find = partial(program.dataset.find, folder=Path(sys.argv[1]))
program.main()
"""
"""The image's own, with another folder for downloads."""


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def eventually(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline, "not within a minute"
        time.sleep(0.1)


class InFolder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.copies = self.folder / "copies"

    def start(self, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        """The server, as in a pod."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        own = {"MODEL_NAME": "chat", "MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "PORT": str(port)}
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)
        self.addCleanup(self.client.close)
        command = [sys.executable, "-c", PROGRAM, str(self.copies)]
        process = subprocess.Popen(
            command,
            env={**os.environ, **own, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def answers(self, path: str) -> bool:
        with suppress(httpx.ConnectError):  # it has not started yet
            return self.client.get(path).status_code == 200
        return False

    def ended(self, environment: Mapping[str, str]) -> tuple[int, str]:
        """Its exit status and the last line of its log."""
        process = self.start(environment)
        _, log = process.communicate(timeout=60)
        return process.returncode, log.splitlines()[-1]


class InAVolume(InFolder):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.folder / "tiny.gguf"
        tiny_model.write(self.file)
        self.uri, self.digest = f"file://{self.file}", digest_of(self.file.read_bytes())

    def test_a_file_is_served_in_place(self) -> None:
        self.file.chmod(0o444)
        process = self.start({"MODEL_URI": self.uri, "MODEL_SHA256": self.digest})
        eventually(lambda: self.answers("/v2/health/ready"))
        (listed,) = self.client.get("/v1/models").json()["data"]
        self.assertEqual((listed["id"], listed["created"]), ("chat", int(self.file.stat().st_mtime)))
        body = {"model": "chat", "prompt": "hi", "max_tokens": 2}
        self.assertEqual(self.client.post("/v1/completions", json=body).json()["model"], "chat")
        info = f'inference_model_info{{model="chat",run_id="",uri="{self.uri}",version="{self.digest[:12]}"}} 1.0'
        self.assertIn(info, self.client.get("/metrics").text.splitlines())
        threads = Path(f"/proc/{process.pid}/task").iterdir()
        (engine,) = (child for thread in threads for child in (thread / "children").read_text().split())
        self.assertIn(str(self.file), Path(f"/proc/{engine}/maps").read_text(), "llama.cpp maps the file itself")
        self.assertFalse(self.copies.exists())

    def test_a_file_that_is_not_the_declared_one_ends_the_server_with_one_line(self) -> None:
        missing = f"file://{self.folder}/missing.gguf"
        for uri, reason in {
            self.uri: f"has the SHA-256 digest {self.digest}, and is to have {OTHER}",
            missing: "No such file or directory",
            f"file://{self.folder}": "Is a directory",
            str(self.file): "not a file of a dataset; write file:///PATH or s3://BUCKET/KEY",
        }.items():
            with self.subTest(reason):
                ended = self.ended({"MODEL_URI": uri, "MODEL_SHA256": OTHER})
                self.assertEqual(ended, (1, f"llm: {uri}: {reason}"))

    def test_a_file_that_changes_is_another_one(self) -> None:
        self.assertEqual(find(self.uri, self.digest.upper()).version, self.digest[:12])
        with self.file.open("r+b") as content:
            content.seek(-1, os.SEEK_END)
            content.write(b"\xff")
        with self.assertRaisesRegex(WeightsUnavailable, "has the SHA-256 digest"):
            find(self.uri, self.digest)

    def test_a_file_that_is_replaced_before_it_is_loaded_is_refused(self) -> None:
        weights = find(self.uri, self.digest)
        require_unchanged(weights)
        other = self.folder / "other.gguf"
        shutil.copy2(self.file, other)
        other.replace(self.file)
        with self.assertRaisesRegex(WeightsUnavailable, "was changed while it was loaded"):
            require_unchanged(weights)
        self.file.unlink()
        with self.assertRaisesRegex(WeightsUnavailable, "was changed while it was loaded"):
            require_unchanged(weights)


class InAnObjectStore(InFolder):
    def setUp(self) -> None:
        super().setUp()
        stored = object_store.store()
        self.store = stored.__enter__()
        self.addCleanup(stored.__exit__, None, None, None)
        environment = patch.dict(os.environ, self.store.environment(self.folder))
        environment.start()
        self.addCleanup(environment.stop)

    def put(self, content: bytes) -> str:
        """Its digest."""
        self.store.objects[f"research/{KEY}"] = content
        return digest_of(content)

    def find(self, digest: str) -> Weights:
        return find(f"s3://research/{KEY}", digest, self.copies)

    def refusal(self, digest: str) -> str:
        with self.assertRaises(WeightsUnavailable) as refused:
            self.find(digest)
        return str(refused.exception)

    def test_an_object_is_downloaded_and_served(self) -> None:
        model = self.folder / "model.gguf"
        tiny_model.write(model)
        found = self.find(self.put(model.read_bytes()))
        self.assertEqual(found.file, self.copies / "tiny.gguf")
        self.assertEqual((found.uri, found.created), (f"s3://research/{KEY}", object_store.CHANGED_AT))
        engine = Engine(Settings(str(found.file), "chat", 1, 128, 1))
        self.addCleanup(engine.wait)
        self.addCleanup(engine._process.kill)
        body = {"prompt": "hi", "max_tokens": 2}
        answer = httpx.post(f"{engine.url}/v1/completions", json=body, timeout=60, trust_env=False)
        self.assertEqual(answer.status_code, 200)

    def test_a_large_one_arrives_in_parts(self) -> None:
        content = random.Random(0).randbytes(30 * 2**20 + 7)
        self.assertEqual(self.find(self.put(content)).file.read_bytes(), content)
        self.assertGreater(len({*self.store.asked} - {""}), 2)

    def test_a_container_that_is_started_again_downloads_nothing(self) -> None:
        digest = self.put(b"weights")
        first, second = self.find(digest), self.find(digest)
        self.assertEqual((first, len(self.store.asked)), (second, 1))

    def test_a_copy_that_is_damaged_or_of_another_file_is_replaced(self) -> None:
        digest = self.put(b"weights")
        self.copies.mkdir()
        for name in ("tiny.gguf", "tiny.gguf.part"):
            (self.copies / name).write_bytes(b"weig")
        self.assertEqual(self.find(digest).file.read_bytes(), b"weights")
        self.assertEqual([each.name for each in self.copies.iterdir()], ["tiny.gguf"])

    def test_why_there_is_none_is_one_line(self) -> None:
        where = f"s3://research/{KEY}"
        self.assertEqual(self.refusal(OTHER), f"{where}: the object store has no such object")
        digest = self.put(b"weights")
        self.assertEqual(self.refusal(OTHER), f"{where}: has the SHA-256 digest {digest}, and is to have {OTHER}")
        self.store.refuses = True
        self.assertEqual(self.refusal(OTHER), f"{where}: the object store refused access")
        with patch.dict(os.environ, {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}):
            self.assertIn("Could not connect to the endpoint URL", self.refusal(OTHER))
        with self.assertRaisesRegex(WeightsUnavailable, r"write file:///PATH or s3://BUCKET/KEY"):
            find("s3://research", OTHER, self.copies)

    def test_another_digest_ends_the_server_with_one_line(self) -> None:
        digest, uri = self.put(b"weights"), f"s3://research/{KEY}"
        ended = self.ended({"MODEL_URI": uri, "MODEL_SHA256": OTHER})
        self.assertEqual(ended, (1, f"llm: {uri}: has the SHA-256 digest {digest}, and is to have {OTHER}"))

    def test_a_server_that_is_stopped_does_not_wait_for_a_download(self) -> None:
        self.store.stalls = True
        digest = self.put(bytes(30 * 2**20))
        process = self.start({"MODEL_URI": f"s3://research/{KEY}", "MODEL_SHA256": digest})
        eventually(lambda: len(self.store.asked) > 1 and self.answers("/v2/health/live"))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(10), 0)
