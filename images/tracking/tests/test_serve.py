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
from serve import Misconfigured, read_secret, rotate_password, server_arguments, write_auth_config


class WithFolder(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))


class Secrets(WithFolder):
    def test_a_trailing_newline_is_not_part_of_it(self) -> None:
        (self.folder / "password").write_text("word\n")
        self.assertEqual(read_secret("password", self.folder), "word")

    def test_a_missing_file_is_named(self) -> None:
        with self.assertRaisesRegex(Misconfigured, f"{self.folder}/password: No such file"):
            read_secret("password", self.folder)

    def test_an_empty_one_is_refused(self) -> None:
        (self.folder / "password").write_text("\n")
        with self.assertRaisesRegex(Misconfigured, "is empty"):
            read_secret("password", self.folder)


class AuthConfig(WithFolder):
    def test_only_the_owner_reads_it(self) -> None:
        path = write_auth_config(self.folder, "admin", "word", "sqlite:///x")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_mlflow_reads_back_any_password(self) -> None:
        path = write_auth_config(self.folder, "admin", "50%(x)s;#word", "postgresql://a:b%40@c/d")
        config = ConfigParser()
        config.read(path)
        self.assertEqual(config["mlflow"]["admin_password"], "50%(x)s;#word")
        self.assertEqual(config["mlflow"]["database_uri"], "postgresql://a:b%40@c/d")


class Rotation(WithFolder):
    def test_a_changed_secret_becomes_the_password(self) -> None:
        from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

        uri = f"sqlite:///{self.folder}/users.db"
        self.assertFalse(rotate_password("admin", "the-first-password", uri), "the server itself makes the first user")
        users = SqlAlchemyStore()
        users.init_db(uri)
        users.create_user("admin", "the-first-password", is_admin=True)
        self.assertFalse(rotate_password("admin", "the-first-password", uri))
        self.assertTrue(rotate_password("admin", "the-second-password", uri))
        self.assertTrue(users.authenticate_user("admin", "the-second-password"))
        self.assertFalse(users.authenticate_user("admin", "the-first-password"))


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


if __name__ == "__main__":
    unittest.main()
