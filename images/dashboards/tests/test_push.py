"""Run inside the image."""

import contextlib
import io
import json
import os
import socket
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from dashboards.__main__ import REFUSED, UNREACHABLE, main
from dashboards.push import short
from fake_grafana import Held, Workspace, serving

VARIABLE = {"name": "datasource", "type": "datasource", "query": "prometheus"}
OTHER = {"name": "team", "type": "query", "query": "label_values(team)"}
OVERVIEW = {"uid": "ml-platform-overview", "title": "Platform", "templating": {"list": [VARIABLE, OTHER]}}
TEAMS = {"uid": "ml-platform-teams", "title": "Teams", "templating": {"list": [VARIABLE]}}


class Pushed(unittest.TestCase):
    seconds = 0.0

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "token").write_text("glsa_right\n")
        for each in (OVERVIEW, TEAMS):
            (self.folder / f"{each['uid']}.json").write_text(json.dumps(each))
        self.held = Held()
        self.url = self.enterContext(serving(self.held))

    def run_with(self, **more: str) -> tuple[int, str]:
        """The exit code, and all that it said."""
        said = io.StringIO()
        environment = {
            "GRAFANA_URL": self.url,
            "STACK": "dev",
            "DASHBOARDS": str(self.folder),
            "TOKEN_FILE": str(self.folder / "token"),
            **more,
        }
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(environment, self.seconds)
        self.assertNotIn("glsa_", said.getvalue())
        return code, said.getvalue()


class Existing(Pushed):
    def test_dashboards_are_put_into_a_folder_of_the_stack(self) -> None:
        code, said = self.run_with()
        self.assertEqual((code, self.held.folders), (0, {"ml-platform-dev": "ml-platform-dev"}))
        self.assertEqual(set(self.held.dashboards), {"ml-platform-overview-dev", "ml-platform-teams-dev"})
        self.assertEqual({each["folderUid"] for each in self.held.dashboards.values()}, {"ml-platform-dev"})
        self.assertIn(f"Teams: {self.url}/d/ml-platform-teams-dev/teams\n", said)

    def test_a_second_run_overwrites_what_is_there_and_what_somebody_changed(self) -> None:
        self.run_with()
        self.held.dashboards["ml-platform-teams-dev"]["title"] = "changed by hand"
        code, _ = self.run_with()
        self.assertEqual(code, 0)
        self.assertEqual([each["version"] for each in self.held.dashboards.values()], [2, 2])
        self.assertEqual(self.held.dashboards["ml-platform-teams-dev"]["title"], "Teams")

    def test_two_stacks_have_nothing_in_common(self) -> None:
        self.run_with()
        self.run_with(STACK="prod")
        self.assertEqual([each["version"] for each in self.held.dashboards.values()], [1, 1, 1, 1])
        self.assertEqual(set(self.held.folders), {"ml-platform-dev", "ml-platform-prod"})

    def test_a_long_name_of_a_stack_still_makes_addresses_that_grafana_takes(self) -> None:
        code, said = self.run_with(STACK="a-stack-with-a-very-long-name-indeed")
        self.assertEqual(code, 0, said)
        self.assertEqual({len(uid) for uid in self.held.dashboards}, {40})
        self.assertNotEqual(short("x" * 41), short("x" * 42))

    def test_dashboards_begin_with_the_named_data_source(self) -> None:
        self.held.role = "Admin"
        self.held.datasources["P1809F7CD0C75ACF3"] = {"uid": "P1809F7CD0C75ACF3", "name": "Prometheus (dev)"}
        self.assertEqual(self.run_with(DATASOURCE="Prometheus (dev)")[0], 0)
        chosen, other = self.held.dashboards["ml-platform-overview-dev"]["templating"]["list"]
        self.assertEqual(chosen["current"], {"text": "Prometheus (dev)", "value": "P1809F7CD0C75ACF3"})
        self.assertEqual(other, OTHER)

    def test_who_may_not_look_it_up_names_it(self) -> None:
        self.assertEqual(self.run_with(DATASOURCE="Prometheus")[0], 0)
        (chosen,) = self.held.dashboards["ml-platform-teams-dev"]["templating"]["list"]
        self.assertEqual(chosen["current"], {"text": "Prometheus", "value": "Prometheus"})


class Failing(Pushed):
    def test_a_data_source_that_is_not_there_is_said_before_anything_is_put(self) -> None:
        self.held.role = "Admin"
        code, said = self.run_with(DATASOURCE="Promtheus")
        self.assertEqual((code, self.held.folders), (REFUSED, {}))
        self.assertIn("has no data source 'Promtheus'; declare the name of one that it has", said)

    def test_a_wrong_token_is_final(self) -> None:
        self.held.token = "glsa_another"
        code, said = self.run_with()
        self.assertEqual(code, REFUSED)
        self.assertIn("401 Unauthorized: Invalid API key; the token is not known there, or has expired", said)

    def test_what_grafana_answers_is_said(self) -> None:
        refusal = json.dumps({"message": "quota reached"}).encode()
        for status, code, words in (
            (403, REFUSED, "403 Forbidden: quota reached; the token's service account may not do that"),
            (404, REFUSED, "404 Not Found: quota reached; nothing is there: the address may lack Grafana's path"),
            (429, UNREACHABLE, "429 Too Many Requests: quota reached"),
            (503, UNREACHABLE, "503 Service Unavailable: quota reached"),
        ):
            self.held.instead = (status, {}, refusal)
            with self.subTest(status=status):
                found, said = self.run_with()
                self.assertEqual(found, code)
                self.assertIn(f"POST {self.url}/api/folders: {words}", said)

    def test_a_redirect_is_not_followed_with_the_token(self) -> None:
        other = Held()
        with serving(other) as elsewhere:
            self.held.instead = (302, {"Location": f"{elsewhere}/api/folders"}, b"")
            code, said = self.run_with()
        self.assertEqual((code, other.asked), (REFUSED, []))
        self.assertIn(f"302 Found, at {elsewhere}/api/folders; declare the address that answers itself", said)

    def test_a_page_is_no_answer(self) -> None:
        self.held.instead = (200, {"Content-Type": "text/html"}, b"<html>Log in</html>")
        code, said = self.run_with()
        self.assertEqual(code, REFUSED)
        self.assertIn("is there a login in front of it?", said)

    def test_nobody_there_may_be_there_later(self) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            code, said = self.run_with(GRAFANA_URL=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        self.assertEqual(code, UNREACHABLE)
        self.assertIn("Connection refused", said)


class Waiting(Pushed):
    seconds = 60.0

    def test_a_grafana_that_answers_a_little_later_is_waited_for(self) -> None:
        self.held.instead = (503, {}, b"{}")

        def answers(_: float) -> None:
            self.held.instead = None

        with patch("dashboards.__main__.time.sleep", side_effect=answers) as slept:
            code, said = self.run_with()
        self.assertEqual(code, 0)
        slept.assert_called_once()
        self.assertIn("dashboards are not in Grafana yet: POST", said)
        self.assertEqual(set(self.held.dashboards), {"ml-platform-overview-dev", "ml-platform-teams-dev"})

    def test_what_is_refused_is_not_waited_for(self) -> None:
        self.held.token = "glsa_another"
        with patch("dashboards.__main__.time.sleep") as slept:
            self.run_with()
        slept.assert_not_called()


class Managed(Pushed):
    """The API of Amazon Managed Grafana, as botocore's own model has it, on a server of the test's own."""

    def setUp(self) -> None:
        super().setUp()
        self.held.role = "Admin"
        self.api = Workspace(self.held.token)
        aws = {
            "AWS_ENDPOINT_URL_GRAFANA": self.enterContext(serving(self.api)),
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_MAX_ATTEMPTS": "1",
        }
        self.enterContext(patch.dict(os.environ, aws))
        self.managed = {
            "WORKSPACE": "g-0123456789",
            "AWS_REGION": "eu-central-1",
            "PROMETHEUS_URL": "https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/ws-1/",
        }

    def test_the_token_is_made_for_the_run_and_gone_after_it(self) -> None:
        code, said = self.run_with(**self.managed)
        self.assertEqual(code, 0, said)
        made, gone = ("POST", "/7/tokens"), ("DELETE", "/7/tokens/3")
        self.assertEqual(self.api.asked, [("GET", ""), ("POST", ""), made, gone])
        self.api.asked.clear()
        self.assertEqual(self.run_with(**self.managed)[0], 0)
        self.assertEqual(self.api.asked, [("GET", ""), made, gone])
        self.assertEqual([each["grafanaRole"] for each in self.api.accounts], ["ADMIN"])

    def test_a_failed_run_leaves_no_token_either(self) -> None:
        self.held.instead = (403, {}, b"{}")
        self.assertEqual(self.run_with(**self.managed)[0], REFUSED)
        self.assertEqual(self.api.asked[-1], ("DELETE", "/7/tokens/3"))

    def test_managed_prometheus_becomes_the_data_source_and_stays_one(self) -> None:
        for _ in range(2):
            code, said = self.run_with(**self.managed)
            self.assertEqual(code, 0, said)
        (datasource,) = self.held.datasources.values()
        self.assertEqual(datasource["url"], self.managed["PROMETHEUS_URL"])
        signed = {"httpMethod": "POST", "sigV4Auth": True, "sigV4AuthType": "ec2_iam_role"}
        self.assertEqual(datasource["jsonData"], signed | {"sigV4Region": "eu-central-1"})
        (chosen,) = self.held.dashboards["ml-platform-teams-dev"]["templating"]["list"]
        self.assertEqual(chosen["current"], {"text": "ml-platform-dev", "value": datasource["uid"]})

    def test_what_aws_refuses_it_may_allow_later(self) -> None:
        self.api.refused = True
        code, said = self.run_with(**self.managed)
        self.assertEqual(code, UNREACHABLE)
        self.assertIn("workspace g-0123456789: An error occurred (AccessDeniedException)", said)


if __name__ == "__main__":
    unittest.main()
