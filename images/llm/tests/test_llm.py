"""Runs inside the image, with llama.cpp and a model of random weights: python -m unittest discover -s /tests"""

import asyncio
import hashlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest.mock import create_autospec, patch

import httpx
import tiny_model
from llm import weights
from llm.api_key import NoKeys, admits, read_keys
from llm.callers import Usage
from llm.engine import Engine, EngineFailed, Settings
from llm.forward import while_connected
from llm.weights import WeightsUnavailable, download
from mlflow.tracking import MlflowClient
from serve_file import KEY, MODEL, REQUEST_BYTES, REQUESTS

SERVER = Path(__file__).with_name("serve_file.py")
HI = [{"role": "user", "content": "hi"}]
DRAIN, GRACE = 5, 60
LOGIN = {"Authorization": f"Bearer {KEY}"}


def eventually(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline, "not within a minute"
        time.sleep(0.1)


class Server:
    """A process, as in a pod."""

    def __init__(self, file: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        callers = file.with_name("callers")
        callers.write_text("ci\nweb\n")
        command = [sys.executable, str(SERVER), str(file), str(callers), str(port), str(DRAIN), str(GRACE)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=LOGIN, timeout=60, trust_env=False)
        self._until_ready()

    def _until_ready(self) -> None:
        try:
            eventually(self._is_ready)
        except AssertionError:
            self.stop()
            raise

    def _is_ready(self) -> bool:
        with suppress(httpx.ConnectError):
            return self.client.get("/v2/health/ready").status_code == 200
        return False

    def has_stopped_listening(self) -> bool:
        try:
            self.client.get("/v2/health/live")
        except httpx.ConnectError:
            return True
        return False

    def stop(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()

    def tokens(self, caller: str) -> tuple[float, float]:
        """Of its prompts and of its completions."""
        series = 'inference_caller_tokens_total{caller="%s",model="chat",type="%s"}'
        prompt, completion = (self.metric(series % (caller, type_)) for type_ in ("prompt", "completion"))
        return prompt, completion

    def has_counted(self, caller: str, tokens: tuple[float, float]) -> bool:
        return self.tokens(caller) == tokens

    def requests(self, caller: str, key: str, code: int) -> float:
        labels = f'caller="{caller}",code="{code}",key="{key}",model="chat"'
        return self.metric(f"inference_caller_requests_total{{{labels}}}")

    def complete(self, **changes: Any) -> httpx.Response:
        body = {"model": MODEL, "messages": HI, "max_tokens": 4, **changes}
        return self.client.post("/v1/chat/completions", json=body)

    @contextmanager
    def stream(self, tokens: int, **headers: str) -> Iterator[Iterator[str]]:
        """The lines of a stream of so many tokens."""
        body = {"model": MODEL, "messages": HI, "max_tokens": tokens, "stream": True, "ignore_eos": True}
        with self.client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
            assert response.status_code == 200, response.read()
            yield (line for line in response.iter_lines() if line)

    def metric(self, name: str) -> float:
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


class Served(unittest.TestCase):
    folder: ClassVar[tempfile.TemporaryDirectory[str]]
    file: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.file = Path(cls.folder.name, "tiny.gguf")
        tiny_model.write(cls.file)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def setUp(self) -> None:
        self.server = Server(self.file)
        self.addCleanup(self.server.stop)


class Api(Served):
    def test_it_completes_chats_and_tells_its_model(self) -> None:
        self.assertEqual([each["id"] for each in self.server.client.get("/v1/models").json()["data"]], [MODEL])
        answer = self.server.complete().json()
        self.assertEqual((answer["model"], answer["usage"]["completion_tokens"] <= 4), (MODEL, True))
        with self.server.stream(20) as lines:
            said = [line.removeprefix("data: ") for line in lines]
        self.assertEqual(said[-1], "[DONE]")
        self.assertGreater(len(said), 10)
        self.assertEqual(json.loads(said[-2])["choices"][0]["finish_reason"], "length")

    def test_it_refuses_in_the_openai_api_s_form(self) -> None:
        client = self.server.client
        wrong = {"Authorization": "Bearer wrong"}
        cases = {
            (401, "invalid_api_key"): client.get("/v1/models", headers=wrong),
            (404, "model_not_found"): self.server.complete(model="other"),
            (404, "not_found"): client.post("/v1/embeddings", json={}),
            (405, "method_not_allowed"): client.get("/v1/chat/completions"),
            (400, "invalid_request"): client.post("/v1/completions", content=b"{"),
            (413, "request_too_large"): client.post("/v1/completions", content=bytes(REQUEST_BYTES + 1)),
        }
        for (status, code), answer in cases.items():
            with self.subTest(code):
                self.assertEqual(answer.status_code, status)
                self.assertEqual(answer.json()["error"]["code"], code)
        self.assertEqual(client.post("/v1/chat/completions", json={}, headers=wrong).status_code, 401)
        self.assertIn("message", self.server.complete(messages="none").json()["error"])

    def test_a_request_is_for_one_response(self) -> None:
        client, body = self.server.client, {"model": MODEL, "max_tokens": 2}
        self.assertEqual(self.server.complete(n=2).status_code, 400)
        self.assertEqual(client.post("/v1/completions", json={**body, "prompt": ["hi", "ho"]}).status_code, 400)
        for prompt in ("hi", ["hi"], [3, 4, 5]):
            self.assertEqual(client.post("/v1/completions", json={**body, "prompt": prompt, "n": 1}).status_code, 200)

    def test_more_requests_than_the_limit_are_refused(self) -> None:
        with self.server.stream(10000) as one, self.server.stream(10000) as other:
            next(one), next(other)
            refused = self.server.complete()
            self.assertEqual((refused.status_code, refused.headers["retry-after"]), (429, "1"))
            self.assertEqual(refused.json()["error"]["code"], "rate_limit_exceeded")
            self.assertEqual(self.server.client.get("/v2/health/ready").status_code, 200)
        self.assertEqual(REQUESTS, 2)

    def test_generation_ends_when_its_client_disconnects(self) -> None:
        with self.server.stream(10000) as lines:
            list(itertools.islice(lines, 5))
        eventually(lambda: self.server.metric("llamacpp:requests_processing") == 0)
        self.assertLess(self.server.metric("llamacpp:tokens_predicted_total"), 10000)
        with self.assertRaises(httpx.ReadTimeout):
            self.server.client.post(
                "/v1/chat/completions",
                json={"model": MODEL, "messages": HI, "max_tokens": 10000, "ignore_eos": True},
                timeout=1,
            )
        counted = 'inference_requests_total{code="%s",model="chat",version="3"}'
        eventually(lambda: self.server.metric(counted % 499) == 1)
        self.assertEqual((self.server.metric(counted % 200), self.server.metric(counted % 500)), (1, 0))
        self.assertEqual(self.server.complete().status_code, 200)

    def test_metrics_have_the_names_that_slos_use(self) -> None:
        self.server.complete()
        counted = 'inference_requests_total{code="200",model="chat",version="3"}'
        eventually(lambda: self.server.metric(counted) == 1)
        self.assertEqual(self.server.metric("inference_model_loaded"), 1)


class UsageByCaller(Served):
    def test_tokens_are_those_of_the_response_s_usage_and_of_streams_too(self) -> None:
        client, server = self.server.client, self.server
        chat: dict[str, Any] = {"model": MODEL, "messages": HI, "max_tokens": 4, "ignore_eos": True}
        paths = {"/v1/chat/completions": chat, "/v1/completions": {**chat, "prompt": "hi"}}
        for path, body in paths.items():
            for more in ({}, {"logprobs": True}, {"stream": True}):
                used = client.post(path, json={**body, "stream": False}).json()["usage"]
                before = server.tokens("ci")
                answer = client.post(path, json={**body, **more}, headers={"X-Caller": "ci.previous"})
                self.assertEqual(answer.status_code, 200, answer.text)
                expected = (before[0] + used["prompt_tokens"], before[1] + used["completion_tokens"])
                with self.subTest(path, **more):
                    eventually(partial(server.has_counted, "ci", expected))
        self.assertEqual((server.requests("ci", "previous", 200), server.requests("ci", "current", 200)), (6, 0))
        self.assertEqual((server.requests("", "", 200), server.tokens("web")), (6, (0, 0)))

    def test_a_stream_that_its_client_cuts_off_counts_what_was_sent(self) -> None:
        with self.server.stream(10000, **{"X-Caller": "web"}) as lines:
            list(itertools.islice(lines, 10))
        eventually(lambda: self.server.requests("web", "current", 200) == 1)
        prompt, completion = self.server.tokens("web")
        self.assertEqual(prompt, 0)
        self.assertGreaterEqual(completion, 10)

    def test_a_refused_request_has_no_tokens(self) -> None:
        self.server.client.post("/v1/chat/completions", json={"model": "other"}, headers={"X-Caller": "ci"})
        eventually(lambda: self.server.requests("ci", "current", 404) == 1)
        self.assertEqual(self.server.tokens("ci"), (0, 0))

    def test_generated_text_does_not_count_as_what_llama_cpp_says_of_it(self) -> None:
        told = '"timings":{"cache_n":0,"prompt_n":1,"predicted_n":999}'
        usage = Usage()
        usage.read(json.dumps({"choices": [{"text": told}]}).encode())
        self.assertEqual(usage.tokens, {"prompt": 0, "completion": 0})
        for chunk in (b'data: {"timings":{"cache_n":20,"prom', b'pt_n":1,"prompt_ms":0.6,"predicted_n":4}}\n\n'):
            usage.read(chunk)
        self.assertEqual(usage.tokens, {"prompt": 21, "completion": 4})


class Rollout(Served):
    def test_a_stream_outlives_the_signal_to_end(self) -> None:
        with self.server.stream(5000) as lines:
            list(itertools.islice(lines, 5))
            self.server.process.send_signal(signal.SIGTERM)
            eventually(lambda: self.server.client.get("/v2/health/ready").status_code == 503)
            refreshed = self.server.complete(max_tokens=1)
            self.assertEqual(refreshed.status_code, 200, "it serves until proxies know")
            self.assertEqual(refreshed.headers["connection"], "close")
            eventually(self.server.has_stopped_listening)
            last = list(lines)[-1]
        self.assertEqual(last, "data: [DONE]")
        self.assertEqual(self.server.process.wait(20), 0)

    def test_it_ends_when_llama_cpp_has_ended(self) -> None:
        threads = Path(f"/proc/{self.server.process.pid}/task").iterdir()
        (child,) = (child for thread in threads for child in (thread / "children").read_text().split())
        os.kill(int(child), signal.SIGKILL)
        self.assertEqual(self.server.process.wait(20), 1)


class Loading(unittest.TestCase):
    def test_a_file_that_is_no_model_is_an_error(self) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"GGUF, but no more")
            file.flush()
            with self.assertRaisesRegex(EngineFailed, "could not load the model; llama.cpp has ended with status 1"):
                Engine(Settings(file.name, MODEL, 1, 128, 1))


class Weights(unittest.TestCase):
    def download(self, files: dict[str, bytes], tags: dict[str, str], uri: str = "models:/chat/3") -> weights.Weights:
        client = create_autospec(MlflowClient)
        client.return_value.get_model_version.return_value = SimpleNamespace(
            version=3, run_id="r1", creation_timestamp=2000, tags=tags
        )

        def artifacts(artifact_uri: str, dst_path: str) -> str:
            for name, content in files.items():
                Path(dst_path, name).write_bytes(content)
            return dst_path

        with (
            tempfile.TemporaryDirectory() as folder,
            patch.object(weights, "MlflowClient", client),
            patch.object(weights, "download_artifacts", artifacts),
        ):
            Path(folder, "model").mkdir()
            Path(folder, "model", "left.gguf").write_text("of a container that ended")
            return download(uri, Path(folder, "model"))

    def test_a_version_has_one_file_and_may_have_its_digest(self) -> None:
        digest = hashlib.sha256(b"weights").hexdigest()
        for tags in ({}, {"sha256": digest}, {"sha256": digest.upper()}):
            found = self.download({"a.gguf": b"weights", "MLmodel": b""}, tags)
            self.assertEqual((found.file.name, found.version, found.run_id, found.created), ("a.gguf", "3", "r1", 2.0))

    def test_anything_else_is_refused_with_the_reason(self) -> None:
        cases: list[tuple[dict[str, bytes], dict[str, str], str, str]] = [
            ({}, {}, "models:/chat/3", "needs one .gguf file among its artifacts, and has none"),
            ({"a.gguf": b"", "b.gguf": b""}, {}, "models:/chat/3", "and has a.gguf, b.gguf"),
            ({"a.gguf": b""}, {"sha256": "00"}, "models:/chat/3", "its tag 'sha256' is 00"),
            ({"a.gguf": b""}, {}, "models:/chat@champion", "write models:/NAME/VERSION"),
        ]
        for files, tags, uri, reason in cases:
            with self.subTest(reason), self.assertRaises(WeightsUnavailable) as refused:
                self.download(files, tags, uri)
            self.assertIn(reason, str(refused.exception))


class Keys(unittest.TestCase):
    def test_any_key_of_the_file_is_accepted(self) -> None:
        with tempfile.NamedTemporaryFile("w") as file:
            with self.assertRaises(NoKeys):
                read_keys(file.name)
            file.write("now\nbefore\n")
            file.flush()
            keys = read_keys(file.name)
        sent = ("Bearer now", "bearer before", "Bearer other", "now", None)
        self.assertEqual([admits(keys, each) for each in sent], [True, True, False, False, False])
        self.assertTrue(admits(read_keys(None), None))


class Disconnection(unittest.IsolatedAsyncioTestCase):
    async def test_an_answer_s_failure_is_raised_and_a_client_s_end_is_not(self) -> None:
        async def stays() -> dict[str, str]:
            await asyncio.Event().wait()
            return {}

        async def leaves() -> dict[str, str]:
            return {"type": "http.disconnect"}

        async def fails() -> None:
            raise ValueError("broken")

        async def answers_for_ever() -> None:
            await asyncio.Event().wait()

        with self.assertRaisesRegex(ValueError, "broken"):
            await while_connected(stays, fails())
        await asyncio.wait_for(while_connected(leaves, answers_for_ever()), 5)
