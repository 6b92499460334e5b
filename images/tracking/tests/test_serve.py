"""Runs inside the image: python -m unittest discover -s /tests"""

import json
import os
import stat
import tempfile
import time
import unittest
import unittest.mock
from configparser import ConfigParser
from pathlib import Path

from database_login import NoLogin, provide_login, secret_reader, write_password_file
from logins import accepted, derived, make_known
from measured import method, route
from mlflow.server.auth import store
from serve import Misconfigured, require_keys, server_arguments, write_auth_config


class WithFolder(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))


class Logins(WithFolder):
    def setUp(self) -> None:
        super().setUp()
        self.keys = self.folder / "keys"
        self.keys.write_text("first\nsecond\nthird\n")

    def test_the_password_of_each_key_lets_in_and_nothing_else(self) -> None:
        for key in ("first", "second", "third"):
            self.assertTrue(accepted("vision", derived(key, "vision"), self.keys))
        for username, password in (
            ("vision", derived("fourth", "vision")),
            ("vision", derived("first", "speech")),
            ("vision", "first"),
            ("vision", ""),
            ("", derived("first", "")),
        ):
            self.assertFalse(accepted(username, password, self.keys))

    def test_a_changed_file_counts_at_once(self) -> None:
        self.keys.write_text("fourth\n")
        self.assertTrue(accepted("vision", derived("fourth", "vision"), self.keys))
        self.assertFalse(accepted("vision", derived("first", "vision"), self.keys))

    def test_without_keys_nobody_gets_in(self) -> None:
        self.keys.write_text("")
        self.assertFalse(accepted("vision", derived("", "vision"), self.keys))
        self.keys.unlink()
        self.assertFalse(accepted("vision", derived("first", "vision"), self.keys))

    def test_a_user_is_known_to_mlflow_from_its_first_request(self) -> None:
        store.init_db(f"sqlite:///{self.folder}/users.db")
        make_known("vision")
        make_known("vision")
        self.assertFalse(store.get_user("vision").is_admin)

    def test_a_server_without_keys_does_not_start(self) -> None:
        with self.assertRaisesRegex(Misconfigured, "/none/keys: No such file"):
            require_keys(Path("/none/keys"))
        self.keys.write_text("\n")
        with self.assertRaisesRegex(Misconfigured, "is empty"):
            require_keys(self.keys)


class AuthConfig(WithFolder):
    def test_only_the_owner_reads_it(self) -> None:
        path = write_auth_config(self.folder, "sqlite:///x")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_mlflow_reads_back_any_address(self) -> None:
        path = write_auth_config(self.folder, "postgresql://a:b%40@c/d")
        config = ConfigParser()
        config.read(path)
        self.assertEqual(config["mlflow"]["database_uri"], "postgresql://a:b%40@c/d")


class Store:
    """A secret store with one secret; the login in it may be changed."""

    def __init__(self, **login: str) -> None:
        self.login = login

    def get_secret_value(self, SecretId: str) -> dict[str, str]:
        return {"SecretString": json.dumps({**self.login, "engine": "postgres"})}


class DatabaseLogin(WithFolder):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(unittest.mock.patch.dict(os.environ))

    def test_the_client_library_finds_user_and_password(self) -> None:
        fetch = secret_reader(
            "arn:aws:secretsmanager:eu-central-1:1:secret:x", Store(username="mlflow", password="word")
        )
        provide_login(fetch, self.folder)
        self.assertEqual(os.environ["PGUSER"], "mlflow")
        file = Path(os.environ["PGPASSFILE"])
        self.assertEqual(file.read_text(), "*:*:*:mlflow:word\n")
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)

    def test_any_password_can_be_written_down(self) -> None:
        write_password_file(self.folder / "pgpass", {"username": "mlflow", "password": "a:b\\c"})
        self.assertEqual((self.folder / "pgpass").read_text(), "*:*:*:mlflow:a\\:b\\\\c\n")

    def test_a_renewed_password_is_written_down(self) -> None:
        store = Store(username="mlflow", password="first")
        with unittest.mock.patch("database_login.REFRESH_SECONDS", 0.01):
            provide_login(secret_reader("arn:aws:secretsmanager:eu-central-1:1:secret:x", store), self.folder)
            store.login = {"username": "mlflow", "password": "second"}
            file = Path(os.environ["PGPASSFILE"])
            for _ in range(500):
                if "second" in file.read_text():
                    break
                time.sleep(0.01)
        self.assertEqual(file.read_text(), "*:*:*:mlflow:second\n")

    def test_a_secret_that_can_not_be_read_is_named_and_not_shown(self) -> None:
        with self.assertRaisesRegex(NoLogin, "secret arn:x: KeyError: 'password'"):
            secret_reader("arn:x", Store(username="mlflow"))()


class Arguments(unittest.TestCase):
    def test_the_environment_names_the_stores(self) -> None:
        arguments = server_arguments({"MLFLOW_ARTIFACTS_DESTINATION": "s3://bucket"})
        self.assertEqual(arguments[arguments.index("--artifacts-destination") + 1], "s3://bucket")
        self.assertEqual(arguments[arguments.index("--backend-store-uri") + 1], "sqlite:////data/mlflow.db")


class Measured(unittest.TestCase):
    def test_a_route_is_named_by_what_it_is_about(self) -> None:
        for path, name in (
            ("/api/2.0/mlflow/runs/log-metric", "runs"),
            ("/ajax-api/2.0/mlflow/runs/search", "runs"),
            ("/api/2.0/mlflow-artifacts/artifacts/1/model.onnx", "artifacts"),
            ("/get-artifact", "artifacts"),
            ("/model-versions/get-artifact", "artifacts"),
            ("/api/2.0/mlflow/registered-models/alias", "registered-models"),
            ("/health", "health"),
        ):
            self.assertEqual(route(path), name, path)

    def test_made_up_paths_and_methods_are_all_the_same(self) -> None:
        made_up = ("/", "/x/y", "/healthy", "/api/2.0/mlflow/made-up/1", "/api/2.0/mlflow/runs-1/get", "/x/health")
        self.assertEqual({route(path) for path in made_up}, {"other"})
        self.assertEqual([method("POST"), method("MADE-UP")], ["POST", "other"])


if __name__ == "__main__":
    unittest.main()
