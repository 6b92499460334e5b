"""Runs inside the image: the page of a platform with problems, and of one whose sources do not answer."""

import asyncio
import base64
import json
import re
import tempfile
import unittest
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import httpx
import sample
from sample_objects import ALERTS, NO_PLACE, NO_ROOM, NOT_READY, NOW, job, of_job, pod, workload
from status.app import create_app
from status.declared import Declared
from status.login import Login, NoLogin
from status.queues import STOPPED, waiting
from status.workloads import NO_VERSION, WAITING, endpoints, jobs

STAT = {
    "type": "stat",
    "title": "Nodes that are ready",
    "description": "Of all nodes of the cluster.",
    "fieldConfig": {"defaults": {"unit": "short"}},
    "targets": [{"expr": "sum(up)"}],
}
PANEL = {
    "type": "timeseries",
    "title": "CPU in use",
    "description": "Of all cores.",
    "fieldConfig": {"defaults": {"unit": "percentunit"}},
    "targets": [{"expr": "rate(node_cpu_seconds_total[5m]) < 2", "legendFormat": "{{node}}"}],
}


def one_dashboard(folder: Path) -> Path:
    dashboards = folder / "dashboards"
    dashboards.mkdir()
    content = {"uid": "x-overview", "title": "Platform", "panels": [STAT, PANEL]}
    (dashboards / "platform.json").write_text(json.dumps(content))
    return dashboards


class Text(HTMLParser):
    """What a person reads, in one line."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.extend(data.split())


class Pages(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.dashboards = one_dashboard(self.folder)

    async def page(self, *, live: bool = True, **answers: sample.Answers) -> str:
        return await sample.page(self.folder, self.dashboards, **answers).html(60, live=live)

    async def text(self, **answers: sample.Answers) -> str:
        return " ".join(Text(await self.page(**answers)).words)

    async def test_it_says_first_what_is_wrong(self) -> None:
        page = await self.page()
        self.assertIn(
            "<title>1 critical alert; 2 endpoints not fully ready; 1 platform component not ready; 1 node not ready",
            page,
        )

    async def test_endpoints_are_shown_with_their_health_and_the_version_they_serve(self) -> None:
        text = await self.text()
        self.assertIn("digits vision ✓ 2 of 2 ready digits version 3", text)
        self.assertIn("words speech ! 1 of 2 ready CrashLoopBackOff: back-off 5m0s", text)
        self.assertIn("lost speech ✕ missing its Deployment is not in the cluster", text)

    async def test_an_endpoint_without_a_champion_waits(self) -> None:
        known = {"digits": {"namespace": "vision", "model": "digits"}}
        declared = Declared("dev", "ml-platform", None, ["vision"], endpoints=known, jobs={}, pools={}, queued=False)
        metadata = {"name": "digits", "namespace": "vision"}
        ready = {"metadata": metadata, "spec": {"replicas": 2}, "status": {"readyReplicas": 2}}
        (seen,) = endpoints(declared, [ready], [], {("vision", "digits"): NO_VERSION})
        self.assertEqual((seen.state, seen.mood, seen.version), ("waiting", WAITING, ""))
        self.assertEqual(seen.why, "no version of its model is the champion yet")

    async def test_a_run_that_was_stopped_is_in_no_queue(self) -> None:
        stopped, other = workload("vision", "idle"), workload("vision", "next")
        inactive = {
            "metadata": {**stopped["metadata"], "annotations": {STOPPED: "idle GPUs"}},
            "spec": {**stopped["spec"], "active": False},
        }
        found = waiting([{**stopped, **inactive}, other], [job("vision", "idle"), job("vision", "next")])
        self.assertEqual(found["vision", "idle"], "stopped: idle GPUs")
        self.assertEqual(found["vision", "next"], "1 of 1 in the queue")

    async def test_the_jobs_of_a_job_set_are_one_run(self) -> None:
        leader, workers = job("vision", "gang-leader-0", gpus=2), job("vision", "gang-worker-0", gpus=2)
        workers["spec"]["parallelism"] = 3
        for each in (leader, workers):
            each["metadata"]["labels"] = {"jobset.sigs.k8s.io/jobset-name": "gang"}
        known = {"gang": {"namespace": "vision", "job": "gang"}}
        declared = Declared("dev", "ml-platform", None, ["vision"], endpoints={}, jobs=known, pools={}, queued=False)
        runs = pod("vision", "gang-leader-0-0", of_job("gang-leader-0"), "Running")
        (seen,) = jobs(declared, [leader, workers], [runs], {("vision", "gang-worker-0"): NO_PLACE}, NOW)
        self.assertEqual((seen.name, seen.state, seen.why, seen.gpus), ("gang", "waiting", NO_PLACE, 8))

    async def test_jobs_say_why_they_wait(self) -> None:
        text = await self.text()
        self.assertIn(f"sweep-0c11ab92 vision ! waiting {NO_PLACE} 4", text)
        self.assertIn(f"detect-0b7d11c2 vision ! waiting 2 of 2 in the queue: {NO_ROOM}", text)
        self.assertIn("words-large-91aa speech ! waiting Error creating: pods", text)
        self.assertIn("exceeded quota: team", text)
        self.assertIn("digits-gpu-d8583584 simulated vision ▸ running 1", text)
        self.assertIn("words-5d7f speech ✕ failed BackoffLimitExceeded: Job has reached", text)
        self.assertIn("digits-33e51e39 vision ✓ done 8 min", text)

    async def test_pools_say_how_many_gpus_are_used_and_free(self) -> None:
        text = await self.text()
        self.assertIn("a10g simulated NVIDIA-A10G ✓ 2 of 2 ready 1 of 2 1", text)
        self.assertIn("h100 NVIDIA-H100 ✕ 0 of 1 ready 0 of 8 8", text)

    async def test_nodes_are_shown_with_what_they_have_and_those_of_other_stacks_are_not(self) -> None:
        text = await self.text()
        self.assertIn("h100-0 h100 ✕ not ready 8 32 GiB", text)
        self.assertIn("local-node v1.34.4 ✓ ready 8 32 GiB", text)
        self.assertNotIn("elsewhere", text)

    async def test_what_runs_on_nodes_with_devices_is_a_part_of_the_platform_too(self) -> None:
        text = await self.text()
        self.assertIn(f"dcgm-exporter-h100 ✕ 0 of 1 ready {NOT_READY}", text)
        self.assertIn("node-exporter ✓ 1 of 1 ready", text)

    async def test_every_tile_of_the_summary_leads_to_what_it_counts(self) -> None:
        page = await self.page()
        tiles = re.findall(r'<a href="#(\w+)"><span>(\w+)</span>', page)
        self.assertEqual(
            tiles,
            [("alerts", "Alerts"), ("endpoints", "Endpoints"), ("jobs", "Jobs"), ("pools", "GPUs"), ("nodes", "Nodes")],
        )
        for anchor, _ in tiles:
            self.assertIn(f'<h2 id="{anchor}">', page)

    async def test_firing_alerts_are_shown_without_the_sign_of_life(self) -> None:
        text = await self.text()
        self.assertIn("✕ ServingFailing critical, speech endpoint words fails 12.5% of its requests Runbook", text)
        self.assertNotIn("Watchdog", text)

    async def test_an_alertmanager_that_hears_nothing_is_told(self) -> None:
        text = await self.text(alertmanager=lambda _: httpx.Response(200, json=[]))
        self.assertIn("Alertmanager gets no heartbeat from Prometheus", text)
        self.assertIn("None known to Alertmanager.", text)

    async def test_a_link_that_is_none_is_not_made_one(self) -> None:
        evil = {**ALERTS[1], "annotations": {"summary": "<b>x</b>", "runbook_url": "javascript:alert(1)"}}
        page = await self.page(alertmanager=lambda _: httpx.Response(200, json=[evil]))
        self.assertNotRegex(page, r'href="javascript')
        self.assertIn("&lt;b&gt;x&lt;/b&gt;", page)

    async def test_a_query_becomes_a_drawing_with_title_unit_legend_and_words(self) -> None:
        page = await self.page()
        self.assertRegex(page, r'<h4>CPU in use</h4> <span class="unit">percent</span>')
        self.assertRegex(page, r'<svg [^>]*role="img" aria-label="CPU in use, now: .*local-node [\d.]+ %')
        self.assertRegex(page, r'<path class="line s1" d="M0\.0 [\d.]+(L[\d.]+ [\d.]+){100,}"/>')
        self.assertIn("rate(node_cpu_seconds_total[5m]) &lt; 2", page)
        self.assertIn("Of all cores.", page)

    async def test_a_number_is_explained_to_everybody(self) -> None:
        """A `title` attribute is visible with a mouse only."""
        page = await self.page()
        self.assertNotIn(" title=", page)
        self.assertRegex(
            page,
            r"<dt>Nodes that are ready</dt><dd>[\d.]+</dd><dd [^>]*><details [^>]*>\s*<summary>About<span [^>]*> Nodes "
            r"that are ready</span></summary>\s*<p>Of all nodes of the cluster.</p>\s*<code>sum\(up\)</code>",
        )

    async def test_nobody_is_waited_for_before_another_is_asked(self) -> None:
        asked: set[str] = set()
        all_asked = asyncio.Event()

        def after_all(name: str, answer: Callable[[httpx.Request], httpx.Response]) -> sample.Answers:
            async def answers(request: httpx.Request) -> httpx.Response:
                asked.add(name)
                if len(asked) == 3:
                    all_asked.set()
                await asyncio.wait_for(all_asked.wait(), 5)
                return answer(request)

            return answers

        text = await self.text(
            cluster=after_all("cluster", sample.cluster_answers),
            prometheus=after_all("prometheus", sample.prometheus_answers),
            alertmanager=after_all("alertmanager", sample.alertmanager_answers),
        )
        self.assertNotIn("Unavailable sources", text)
        self.assertIn("digits vision ✓ 2 of 2 ready digits version 3", text)

    async def test_with_prometheus_down_everything_else_is_there(self) -> None:
        text = await self.text(prometheus=sample.nobody_answers)
        self.assertIn("Unavailable sources Prometheus cannot be reached: All connection attempts failed", text)
        self.assertIn("digits vision ✓ 2 of 2 ready digits version unknown", text)
        self.assertIn("ServingFailing", text)
        self.assertNotIn("CPU in use", text)

    async def test_with_the_api_server_down_alerts_and_charts_are_there(self) -> None:
        text = await self.text(cluster=sample.nobody_answers)
        self.assertIn("the API server cannot be reached", text)
        self.assertIn("Endpoints Unknown: the cluster did not answer.", text)
        self.assertIn("Endpoints ? of 3 ready", text)
        self.assertIn("ServingFailing", text)
        self.assertIn("CPU in use", text)

    async def test_with_nobody_there_it_says_so_and_claims_nothing(self) -> None:
        down = sample.nobody_answers
        text = await self.text(cluster=down, prometheus=down, alertmanager=down)
        self.assertEqual(text.count("cannot be reached"), 3)
        self.assertNotIn("All is well", text)
        self.assertNotIn("None", text)

    async def test_a_server_that_answers_nonsense_is_one_that_does_not_answer(self) -> None:
        for nonsense in (httpx.Response(200, text="<html>"), httpx.Response(200, json={"data": None})):
            text = await self.text(prometheus=lambda _, answer=nonsense: answer)
            self.assertIn("Prometheus did not answer with", text)

    async def test_an_account_that_may_not_look_is_told(self) -> None:
        forbidden = httpx.Response(403, json={"message": "nodes is forbidden"})
        text = await self.text(cluster=lambda _: forbidden)
        self.assertIn("the API server answered 403 nodes is forbidden", text)

    async def test_a_broken_query_spoils_its_own_panel_only(self) -> None:
        def answers(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("query_range"):
                return httpx.Response(400, json={"error": "parse error"})
            return sample.prometheus_answers(request)

        text = await self.text(prometheus=answers)
        self.assertIn("CPU in use percent Prometheus answered 400 parse error", text)
        self.assertIn("version 3", text)

    async def test_a_copy_has_no_links_that_ask_again(self) -> None:
        self.assertIn('href="?minutes=', await self.page(live=True))
        self.assertNotIn('href="?minutes=', await self.page(live=False))

    async def test_the_page_is_one_file_without_a_script(self) -> None:
        page = await self.page()
        self.assertNotRegex(page, r"<script|<link rel=\"stylesheet|@import|url\(")
        self.assertEqual(set(re.findall(r'(?:src|href)="(?!#|\?|https://runbooks)([^"]*)"', page)), {"data:,"})


class Logins(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.door = sample.door(self.folder)
        app = create_app(sample.page(self.folder, one_dashboard(self.folder)), self.door)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://status")

    async def status(self, path: str, username: str, password: str) -> int:
        return (await self.client.get(path, auth=(username, password))).status_code

    async def test_each_accepted_password_lets_in_and_nothing_else(self) -> None:
        for password in ("before", sample.PASSWORD, "after"):
            self.assertEqual(await self.status("/", "admin", password), 200)
        for username, password in (("admin", "wrong"), ("admin", ""), ("else", sample.PASSWORD), ("", "")):
            self.assertEqual(await self.status("/", username, password), 401)
        self.assertEqual((await self.client.get("/snapshot")).status_code, 401)

    async def test_what_is_no_login_is_refused(self) -> None:
        right = base64.b64encode(f"admin:{sample.PASSWORD}".encode()).decode()
        for header in ("Basic", "Basic ???", f"Bearer {right}", right, "Basic " + base64.b64encode(b"\xff").decode()):
            answer = await self.client.get("/", headers={"Authorization": header})
            self.assertEqual((answer.status_code, answer.headers["www-authenticate"][:5]), (401, "Basic"))

    async def test_a_renewed_password_is_good_at_once(self) -> None:
        (self.folder / "passwords").write_text("renewed\n")
        self.assertEqual(await self.status("/", "admin", "renewed"), 200)
        self.assertEqual(await self.status("/", "admin", sample.PASSWORD), 401)

    async def test_without_passwords_nobody_gets_in_and_no_server_starts(self) -> None:
        passwords = self.folder / "passwords"
        for break_it in (partial(passwords.write_text, "\n"), passwords.unlink):
            break_it()
            self.assertEqual(await self.status("/", "admin", ""), 401)
            with self.assertRaises(NoLogin):
                Login(self.folder / "passwords").require_passwords()

    async def test_health_needs_no_login_and_the_page_may_load_nothing(self) -> None:
        self.assertEqual((await self.client.get("/healthz")).status_code, 200)
        answer = await self.client.get("/", auth=("admin", sample.PASSWORD))
        self.assertTrue(answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-"))
        self.assertEqual(answer.headers["cache-control"], "no-store")

    async def test_a_range_that_is_not_offered_is_the_usual(self) -> None:
        for asked, shown in (("1440", "a day"), ("1000000", "an hour"), ("x", "an hour"), ("-1", "an hour")):
            page = (await self.client.get(f"/?minutes={asked}", auth=("admin", sample.PASSWORD))).text
            self.assertEqual(re.findall(r'aria-current="true">([^<]+)<', page), [shown])


if __name__ == "__main__":
    unittest.main()
