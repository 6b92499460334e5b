"""Upgrades of MLflow: the container that migrates the database while the server of an older MLflow runs."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from docker.models.containers import Container

from infra.secrets.derive import derived_password
from tests.engine.images.engine import Engine, WriteSecrets, address, output, run_to_end, wait_for
from tests.engine.images.services import TEAMS, mounted
from tests.logged_model import MODEL, accuracy, get, log_model, post
from tests.waiting import eventually

OWNER, OTHER = TEAMS
OLDER = "older-mlflow"
POSTGRESQL, SQLITE = "postgresql", "sqlite"
SNAPSHOT = "tracking-before-mlflow"
UP_TO_DATE = "tracking: the schema is the one of MLflow"
IN_THE_WAY = "guardrails"
"""A table that a migration since the older version creates."""


@dataclass
class Database:
    """One database, the containers that use it, and the login of the team that owns what is in it."""

    engine: Engine
    keys: Path
    volume: str
    environment: dict[str, str]
    server: Container | None = None
    _used: list[Container] = field(default_factory=list)

    def login(self, team: str) -> tuple[str, str]:
        return team, derived_password(self.engine.password, team)

    def serve(self, image: str) -> str:
        """The address of a server; one that runs is stopped first, as a rollout does."""
        if self.server is not None:
            self.server.stop()
        self.server = self.start(image, ports={"5000/tcp": ("127.0.0.1", 0)})
        return self.url

    @property
    def url(self) -> str:
        assert self.server is not None
        url = address(self.server, 5000)
        wait_for(f"{url}/health", self.server)
        return url

    def migrate(self) -> tuple[int, str]:
        return run_to_end(self.begin())

    def begin(self) -> Container:
        return self.start("tracking", entrypoint=["python", "/app/migrate.py"])

    def execute(self, statement: str, *, users: bool = False) -> list[list[Any]]:
        """Runs SQL with the driver of the image, beside the server."""
        address = self.environment["MLFLOW_AUTH_DATABASE_URI" if users else "MLFLOW_BACKEND_STORE_URI"]
        code = (
            "import json, sys, sqlalchemy\n"
            "with sqlalchemy.create_engine(sys.argv[1]).begin() as connection:\n"
            "    found = connection.exec_driver_sql(sys.argv[2])\n"
            "    print(json.dumps([list(row) for row in found] if found.returns_rows else []))\n"
        )
        ended, log = run_to_end(self.start("tracking", entrypoint=["python", "-c", code, address, statement]))
        assert ended == 0, log
        found: list[list[Any]] = json.loads(log.splitlines()[-1])
        return found

    def start(self, image: str, **options: Any) -> Container:
        container = self.engine.start(
            image,
            environment={"MLFLOW_SERVER_ALLOWED_HOSTS": "127.0.0.1:*", **self.environment},
            volumes={**mounted(self.keys, "/var/run/secrets/logins"), self.volume: {"bind": "/data", "mode": "rw"}},
            **options,
        )
        self._used.append(container)
        return container

    def close(self) -> None:
        for container in self._used:
            container.remove(force=True, v=True)
            self.engine.containers.remove(container)
        self.engine.client.volumes.get(self.volume).remove()


@pytest.fixture(scope="module")
def postgresql(engine: Engine) -> Container:
    return start_postgresql(engine, "postgresql")


def start_postgresql(engine: Engine, alias: str, **options: Any) -> Container:
    container = engine.start(
        "postgresql", alias, tmpfs={"/data": "uid=65532,gid=65532,mode=0700", "/dev/shm": "mode=1777"}, **options
    )
    ready = ["sh", "-c", "/usr/lib/postgresql/*/bin/pg_isready --host /tmp --username mlflow"]
    eventually(
        lambda: container.exec_run(ready).exit_code == 0, 60, "PostgreSQL to start", why=lambda: output(container)
    )
    return container


def create_database(server: Container) -> str:
    name = f"mlflow_{secrets.token_hex(4)}"
    created = server.exec_run(["createdb", "--host", "/tmp", "--username", "mlflow", name])
    assert created.exit_code == 0, created.output
    return name


@pytest.fixture(params=[POSTGRESQL, SQLITE])
def database(request: pytest.FixtureRequest, engine: Engine, write_secrets: WriteSecrets) -> Iterator[Database]:
    """An empty one: on AWS a server's with both schemas, elsewhere two files on a volume."""
    if request.param == POSTGRESQL:
        server = request.getfixturevalue("postgresql")
        runs = users = f"postgresql+psycopg2://mlflow@postgresql/{create_database(server)}"
    else:
        runs, users = "sqlite:////data/mlflow.db", "sqlite:////data/basic_auth.db"
    environment = {"MLFLOW_BACKEND_STORE_URI": runs, "MLFLOW_AUTH_DATABASE_URI": users}
    if request.param == POSTGRESQL:
        environment["DATABASE_SNAPSHOT"] = SNAPSHOT
    volume = engine.client.volumes.create(f"{engine.name}-{secrets.token_hex(4)}")
    made = Database(engine, write_secrets("keys", {"keys": f"{engine.password}\n"}), volume.name, environment)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def older(database: Database) -> Database:
    """With a server of the older MLflow, and what a team has logged with it."""
    url = database.serve(OLDER)
    log_model(url, database.login(OWNER))
    return database


def test_an_upgrade_keeps_runs_models_and_what_teams_may_do(older: Database) -> None:
    container = older.server
    code, log = older.migrate()
    assert code == 0, log
    assert log.count("tracking: migrated the schema") == 2, log
    assert older.server is container and requests.get(f"{older.url}/health", timeout=20).ok, "the old server has ended"
    code, log = older.migrate()
    assert (code, log.splitlines()[-1][: len(UP_TO_DATE)]) == (0, UP_TO_DATE), "the second run did something"
    url = older.serve("tracking")
    assert accuracy(url, older.login(OWNER)) == 0.75
    assert get(url, older.login(OTHER), "registered-models/get", name=MODEL).status_code == 403
    post(url, older.login(OWNER), "registered-models/alias", name=MODEL, alias="next", version="1")


def test_a_failed_migration_leaves_the_old_server_as_it_was(older: Database) -> None:
    before = older.execute("SELECT version_num FROM alembic_version")
    older.execute(f"CREATE TABLE {IN_THE_WAY} (something INTEGER)")
    code, log = older.migrate()
    assert code == 1, log
    message = log.splitlines()[-1]
    assert message.startswith("tracking: the schema of runs and models can't be migrated to MLflow "), message
    assert f'{IN_THE_WAY}" already exists' in message or f"{IN_THE_WAY} already exists" in message
    assert older.execute("SELECT version_num FROM alembic_version") == before
    assert accuracy(older.url, older.login(OWNER)) == 0.75
    assert accuracy(older.serve(OLDER), older.login(OWNER)) == 0.75, "it does not start again"
    older.execute(f"DROP TABLE {IN_THE_WAY}")
    code, log = older.migrate()
    assert code == 0, log
    assert accuracy(older.serve("tracking"), older.login(OWNER)) == 0.75


@pytest.mark.parametrize("users", [False, True], ids=["runs", "users"])
def test_a_newer_schema_is_refused_and_the_way_back_is_named(older: Database, users: bool) -> None:
    """As after a rollback: this MLflow is the older one."""
    code, log = older.migrate()
    assert code == 0, log
    schema, table = ("users", "alembic_version_auth") if users else ("runs and models", "alembic_version")
    older.execute(f"UPDATE {table} SET version_num = 'newer'", users=users)
    older.execute(f"UPDATE ml_platform_migrations SET revision = 'newer', mlflow = '99.0.0' WHERE schema = '{schema}'")
    url = older.url
    code, log = older.migrate()
    assert code == 1, log
    message = log.splitlines()[-1]
    assert message.startswith(f"tracking: the database's schema of {schema} is newer (newer) than MLflow "), message
    assert "Deploy MLflow 99.0.0 again, or restore snapshot " in message
    named = SNAPSHOT if "DATABASE_SNAPSHOT" in older.environment else "/data/backups/before-mlflow-"
    assert named in message and "docs/mlflow.md" in message
    assert requests.get(f"{url}/health", timeout=20).ok
    assert older.execute(f"SELECT version_num FROM {table}", users=users) == [["newer"]]


def test_the_first_migration_makes_the_schema_and_no_copy(database: Database) -> None:
    code, log = database.migrate()
    assert code == 0, log
    url = database.serve("tracking")
    assert get(url, database.login(OWNER), "experiments/get-by-name", experiment_name="none").status_code == 404
    assert database.server is not None
    assert database.server.exec_run(["ls", "/data/backups"]).exit_code != 0


def test_two_migrations_at_once_are_one(older: Database) -> None:
    both = [older.begin(), older.begin()]
    ended = [run_to_end(container) for container in both]
    assert [code for code, _ in ended] == [0, 0], ended
    assert sorted(log.count("tracking: migrated the schema") for _, log in ended) == [0, 2]
    assert accuracy(older.serve("tracking"), older.login(OWNER)) == 0.75


def test_a_copied_file_is_the_way_back(older: Database) -> None:
    """With the command in docs/mlflow.md."""
    if "DATABASE_SNAPSHOT" in older.environment:
        pytest.skip("the foundation makes the snapshot")
    code, log = older.migrate()
    assert code == 0, log
    url = older.serve("tracking")
    post(url, older.login(OWNER), "registered-models/create", name="made later")
    assert older.server is not None
    code, copies = run_to_end(older.start("tracking", entrypoint=["ls", "/data/backups"]))
    assert code == 0, copies
    restore = ["python", "/app/migrate.py", "restore", copies.strip()]
    code, log = run_to_end(older.start("tracking", entrypoint=restore))
    assert code == 0, log
    url = older.serve(OLDER)
    assert accuracy(url, older.login(OWNER)) == 0.75
    assert get(url, older.login(OWNER), "registered-models/get", name="made later").status_code in {403, 404}


def test_a_server_with_the_certificate_of_somebody_else_is_refused(engine: Engine, write_secrets: WriteSecrets) -> None:
    """Of RDS the client knows the certificate authorities, and the server's name must be in the certificate."""
    authority, alias = trustme.CA(), "with-tls"
    certificate = authority.issue_cert(alias)
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    tls = write_secrets(
        "tls", {"server.key": certificate.private_key_pem.bytes().decode(), "server.pem": chain.decode()}
    )
    roots = write_secrets("roots", {"ca.pem": authority.cert_pem.bytes().decode()})
    name = create_database(start_postgresql(engine, alias, volumes=mounted(tls, "/tls")))

    def connect(roots_file: str) -> tuple[int, str]:
        code = "import sys, psycopg2; psycopg2.connect(sys.argv[1])"
        options = f"host={alias} user=mlflow dbname={name} sslmode=verify-full sslrootcert={roots_file}"
        command = ["python", "-c", code, options]
        return run_to_end(engine.start("tracking", entrypoint=command, volumes=mounted(roots, "/roots")))

    assert connect("/roots/ca.pem")[0] == 0
    code, log = connect("/app/rds-ca.pem")
    assert code != 0
    assert "certificate verify failed" in log
