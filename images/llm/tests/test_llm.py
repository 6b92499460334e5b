"""Runs inside the image, with llama.cpp and a model of random weights: python -m unittest discover -s /tests"""

import asyncio
import hashlib
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest.mock import create_autospec, patch

import httpx
import tiny_model
from llm import weights
from llm.adapters import BadAdapters, Renamed, download_adapters, read_adapters
from llm.api_key import NoKeys, admits, read_keys
from llm.app import Service, create_app
from llm.callers import Usage
from llm.engine import Engine, EngineFailed, Settings
from llm.forward import while_connected
from llm.metrics import Metrics
from llm.turns import Turns
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

    def __init__(self, file: Path, adapters: Sequence[Path] = ()) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        callers = file.with_name("callers")
        callers.write_text("ci\nweb\n")
        arguments = [SERVER, file, callers, port, DRAIN, GRACE, *adapters]
        command = [sys.executable, *map(str, arguments)]
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

    def tokens(self, caller: str, model: str = MODEL) -> tuple[float, float]:
        """Of its prompts and of its completions."""
        series = 'inference_caller_tokens_total{caller="%s",model="%s",type="%s"}'
        prompt, completion = (self.metric(series % (caller, model, type_)) for type_ in ("prompt", "completion"))
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
    adapters: Sequence[Path] = ()

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.file = Path(cls.folder.name, "tiny.gguf")
        tiny_model.write(cls.file)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def setUp(self) -> None:
        self.server = Server(self.file, self.adapters)
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


class Adapters(Served):
    """Of the same model, at temperature 0."""

    NAMES = ("legal", "medical")
    PROMPTS = tuple(word * times + end for word in ("hello ", "lorem ") for times in (3, 9) for end in ("", "x"))

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.adapters = [cls.file.with_name(f"{name}.gguf") for name in cls.NAMES]
        for seed, file in enumerate(cls.adapters):
            tiny_model.write_adapter(file, seed)

    def complete(self, model: str, prompt: str, **more: Any) -> tuple[str, str]:
        """The model's name in the response, and the text."""
        body = {"model": model, "prompt": prompt, "max_tokens": 8, "temperature": 0, **more}
        answer = self.server.client.post("/v1/completions", json=body).json()
        return answer["model"], answer["choices"][0]["text"]

    def test_a_request_chooses_one_by_the_model_s_name(self) -> None:
        client = self.server.client
        listed = client.get("/v1/models").json()["data"]
        parents = {each["id"]: each.get("parent") for each in listed}
        self.assertEqual(parents, {MODEL: None, "legal": MODEL, "medical": MODEL})
        self.assertEqual(client.get("/v1/models/legal").json(), listed[1])
        answers = [self.complete(name, "hello") for name in (MODEL, *self.NAMES)]
        self.assertEqual([name for name, _ in answers], [MODEL, *self.NAMES])
        self.assertEqual(len({text for _, text in answers}), 3)
        unknown = self.server.complete(model="lega")
        self.assertEqual((unknown.status_code, unknown.json()["error"]["code"]), (404, "model_not_found"))
        self.assertIn("this server has `chat`, `legal`, `medical`", unknown.json()["error"]["message"])
        self.assertEqual(client.get("/v1/models/lega").status_code, 404)

    def test_streams_have_its_name(self) -> None:
        body = {"model": "legal", "messages": HI, "max_tokens": 8, "stream": True, "ignore_eos": True}
        events = self.server.client.post("/v1/chat/completions", json=body).text.strip().split("\n\n")
        said = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
        self.assertEqual({each["model"] for each in said}, {"legal"})

    def test_no_answer_depends_on_what_others_have_asked_before(self) -> None:
        """llama.cpp keeps what it has computed for prompts, also for those of other adapters."""
        cases = [(name, prompt) for name in (MODEL, *self.NAMES) for prompt in self.PROMPTS]
        expected = {case: self.complete(*case, cache_prompt=False) for case in cases}
        self.assertEqual(len(set(expected.values())), len(cases))
        for case in random.Random(0).choices(cases, k=200):
            self.assertEqual(self.complete(*case), expected[case])

    def test_clients_know_no_numbers_of_adapters(self) -> None:
        for field in ("lora", "l\\u006fra"):
            body = f'{{"model": "{MODEL}", "prompt": "hi", "{field}": [{{"id": 0, "scale": 1}}]}}'
            refused = self.server.client.post("/v1/completions", content=body)
            self.assertEqual((refused.status_code, refused.json()["error"]["code"]), (400, "invalid_request"))
            self.assertIn("write the name of an adapter in `model`", refused.json()["error"]["message"])

    def test_requests_and_tokens_are_counted_by_its_name_and_durations_are_not(self) -> None:
        self.server.client.post(
            "/v1/completions",
            json={"model": "legal", "prompt": "hi", "max_tokens": 4, "ignore_eos": True},
            headers={"X-Caller": "ci"},
        )
        counted = 'inference_requests_total{code="200",model="%s",version="%s"}'
        eventually(lambda: self.server.metric(counted % ("legal", 7)) == 1)
        self.assertEqual(self.server.metric(counted % (MODEL, 3)), 0)
        self.assertEqual(self.server.tokens("ci", "legal")[1], 4)
        self.assertEqual(self.server.tokens("ci"), (0, 0))
        durations = 'inference_request_duration_seconds_count{code="200",model="%s"'
        self.assertEqual([self.server.metric(durations % name) for name in (MODEL, "legal")], [1, 0])


class AdaptersOfADeclaration(unittest.TestCase):
    def test_they_are_an_object_of_uris_by_name(self) -> None:
        self.assertEqual(read_adapters('{"legal": "models:/a/2"}', MODEL), {"legal": "models:/a/2"})
        self.assertEqual(read_adapters(None, MODEL), {})
        for text, reason in {
            "legal": "not JSON",
            '["legal"]': "not an object of URIs by name",
            '{"legal": 2}': "not an object of URIs by name",
            '{"chat": "models:/a/2"}': "'chat' is the name of the base model",
        }.items():
            with self.subTest(text), self.assertRaisesRegex(BadAdapters, reason):
                read_adapters(text, MODEL)

    def test_the_name_of_the_base_model_is_replaced_wherever_a_response_is_divided(self) -> None:
        text = b'data: {"text":"say \\"model\\":\\"chat\\"","model":"chat","object":"x"}\n\n'
        expected = text.replace(b'"model":"chat"', b'"model":"legal"')
        for size in range(1, len(text)):
            renamed = Renamed(MODEL, "legal")
            parts = [renamed.read(text[at : at + size]) for at in range(0, len(text), size)]
            self.assertEqual(b"".join(parts) + renamed.rest(), expected)
        renamed = Renamed(MODEL, "legal")
        self.assertEqual((renamed.read(text), renamed.rest()), (expected, b""), "an event is sent at once")


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

    def test_an_adapter_that_does_not_fit_is_named_with_the_reason(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            model, fits, wide, broken = (Path(folder, name) for name in ("model", "fits", "wide", "broken"))
            tiny_model.write(model)
            tiny_model.write_adapter(fits)
            tiny_model.write_adapter(wide, width=96)
            broken.write_bytes(b"GGUF, but no more")
            for file, reason in ((wide, "incorrect shape"), (model, "general.type"), (broken, "failed to load")):
                adapters = {"fits": str(fits), "legal": str(file)}
                with self.subTest(reason), self.assertRaises(EngineFailed) as failed:
                    Engine(Settings(str(model), MODEL, 1, 128, 1, adapters))
                self.assertIn("adapter 'legal': llama.cpp could not load it: ", str(failed.exception))
                self.assertIn(reason, str(failed.exception))


class Weights(unittest.TestCase):
    def download(self, files: dict[str, bytes], tags: dict[str, str], uri: str = "models:/chat/3") -> weights.Weights:
        with self.registry(files, tags) as folder:
            Path(folder, "model").mkdir()
            Path(folder, "model", "left.gguf").write_text("of a container that ended")
            return download(uri, Path(folder, "model"))

    @contextmanager
    def registry(self, files: dict[str, bytes], tags: dict[str, str]) -> Iterator[Path]:
        """Each version has these files and tags. A folder for them."""
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
            yield Path(folder)

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

    def test_an_adapter_is_verified_and_named_as_well(self) -> None:
        digest = hashlib.sha256(b"weights").hexdigest()
        with self.registry({"a.gguf": b"weights"}, {"sha256": digest}) as folder:
            found = download_adapters({"legal": "models:/a/2", "medical": "models:/b/1"}, folder)
        self.assertEqual(len({adapter.file for adapter in found.values()}), 2)
        with (
            self.registry({"a.gguf": b"weights"}, {"sha256": "00"}) as folder,
            self.assertRaisesRegex(WeightsUnavailable, "adapter 'legal': models:/a/2: a.gguf has the SHA-256 digest"),
        ):
            download_adapters({"legal": "models:/a/2"}, folder)


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


class WhoseTurn(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.turns = Turns()
        self.begun: list[str] = []
        self.end: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, *requests: str) -> None:
        """Each is a model and a number."""
        for request in requests:
            self.end[request] = asyncio.Event()
            self.tasks[request] = asyncio.create_task(self._run(request))
            await asyncio.sleep(0)

    async def _run(self, request: str) -> None:
        async with self.turns.turn(request[:-1]):
            self.begun.append(request)
            await self.end[request].wait()

    async def finish(self, *requests: str) -> None:
        for request in requests:
            self.end[request].set()
        await asyncio.gather(*(self.tasks[request] for request in requests))
        await asyncio.sleep(0)

    async def cancel(self, request: str) -> None:
        self.tasks[request].cancel()
        await asyncio.gather(self.tasks[request], return_exceptions=True)
        await asyncio.sleep(0)

    async def test_requests_for_one_model_run_together(self) -> None:
        await self.ask("base1", "base2")
        await asyncio.sleep(0)
        self.assertEqual(self.begun, ["base1", "base2"])

    async def test_a_later_request_does_not_overtake_one_for_another_model(self) -> None:
        await self.ask("base1", "legal1", "base2", "legal2")
        await asyncio.sleep(0)
        self.assertEqual(self.begun, ["base1"])
        await self.finish("base1")
        self.assertEqual(self.begun, ["base1", "legal1", "legal2"])
        await self.finish("legal1")
        self.assertEqual(len(self.begun), 3)
        await self.finish("legal2")
        self.assertEqual(self.begun[3:], ["base2"])

    async def test_a_client_that_leaves_holds_up_none(self) -> None:
        await self.ask("base1", "legal1", "base2")
        await self.cancel("legal1")
        self.assertEqual(self.begun, ["base1", "base2"], "of those that wait, none is for another model")
        await self.ask("legal2", "legal3")
        await self.cancel("base1")
        self.tasks["legal2"].cancel()
        await self.cancel("base2")
        self.assertEqual(self.begun[2:], ["legal3"])
        await self.finish("legal3")
        await self.ask("base3")
        await asyncio.sleep(0)
        self.assertEqual(self.begun[3:], ["base3"])

    async def test_requests_of_the_api_take_turns(self) -> None:
        scales: list[float] = []
        end = asyncio.Event()

        async def generated() -> AsyncIterator[bytes]:
            await end.wait()
            yield b'{"model":"chat"}'

        async def generate(request: httpx.Request) -> httpx.Response:
            scales.append(json.loads(request.content)["lora"][0]["scale"])
            return httpx.Response(200, content=generated())

        found = weights.Weights(Path("tiny.gguf"), "3", "models:/chat/3", "r1", 1.0)
        service = Service(MODEL, Metrics(MODEL), requests=3, adapters=["legal"])
        service.serve({MODEL: found, "legal": found}, "http://engine")
        service.engine = httpx.AsyncClient(transport=httpx.MockTransport(generate), base_url="http://engine")
        app = httpx.ASGITransport(create_app(service))
        async with service.engine, httpx.AsyncClient(transport=app, base_url="http://test") as client:
            asked = [MODEL, "legal", MODEL]
            answers = []
            for model in asked:
                body = {"model": model, "prompt": "hi"}
                answers.append(asyncio.create_task(client.post("/v1/completions", json=body)))
                await asyncio.sleep(0.1)
            self.assertEqual(scales, [0.0])
            end.set()
            self.assertEqual([(await answer).json()["model"] for answer in answers], asked)
        self.assertEqual(scales, [0.0, 1.0, 0.0])


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
