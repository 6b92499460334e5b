"""Migrates the database to the schema of this MLflow, before a server of it replaces the running one.

`migrate.py restore FOLDER` puts back the files that a migration has copied.
All migrations of a schema are one transaction: if one fails, the running server keeps the schema that it knows.
"""

import fcntl
import os
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import mlflow.server.auth.db.utils as users_schema
import mlflow.store.db.utils as runs_schema
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.ddl.sqlite import SQLiteImpl
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from database_login import NoLogin, provide_login, secret_reader
from mlflow.store.tracking.dbmodels.initial_models import Base as InitialTables
from mlflow.version import VERSION
from serve import runs_database, users_database
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

MANUAL = "docs/mlflow.md"
BACKUPS = "backups"
"""A folder beside the database file."""
MESSAGE = Path("/dev/termination-log")
"""What Kubernetes, and so `make up`, shows of a pod that failed."""
_RUNS_DONE = ", but can't be restarted, because the schema of runs and models is migrated already"
_LOCK = 0x6D6C666C
_BUSY_MS = 60_000

HISTORY = sqlalchemy.Table(
    "ml_platform_migrations",
    sqlalchemy.MetaData(),
    sqlalchemy.Column("schema", sqlalchemy.String(32), nullable=False),
    sqlalchemy.Column("revision", sqlalchemy.String(32), nullable=False),
    sqlalchemy.Column("mlflow", sqlalchemy.String(32), nullable=False),
    sqlalchemy.Column("snapshot", sqlalchemy.String(512), nullable=False),
    sqlalchemy.Column("migrated_at", sqlalchemy.DateTime, nullable=False),
)
"""In the database of the runs, so that an older MLflow can name the snapshot that it needs."""


class Refused(Exception):
    """A migration that would fail again; its text is the whole message."""


@dataclass(frozen=True)
class Schema:
    """One of MLflow's two: each has its own migrations, and they may be in one database."""

    name: str
    url: str
    config: Config
    version_table: str

    @cached_property
    def engine(self) -> sqlalchemy.Engine:
        """Waits for a database that does not answer yet."""
        return runs_schema.create_sqlalchemy_engine_with_retry(self.url)

    @property
    def file(self) -> Path | None:
        """None: it is on a database server."""
        url = sqlalchemy.make_url(self.url)
        return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None

    @property
    def latest(self) -> str | None:
        """The revision that this MLflow needs."""
        return self._migrations.get_current_head()

    @property
    def revision(self) -> str | None:
        """The revision in the database; None: there is none yet."""
        with self.engine.connect() as connection:
            return MigrationContext.configure(
                connection, opts={"version_table": self.version_table}
            ).get_current_revision()

    def knows(self, revision: str) -> bool:
        try:
            return self._migrations.get_revision(revision) is not None
        except CommandError:
            return False

    def migrate(self) -> None:
        command.upgrade(self.config, "heads")

    @property
    def _migrations(self) -> ScriptDirectory:
        return ScriptDirectory.from_config(self.config)


@dataclass(frozen=True)
class RunsSchema(Schema):
    """Its first migration changes tables that MLflow creates without one."""

    def migrate(self) -> None:
        tables = sqlalchemy.inspect(self.engine).get_table_names()
        if all(table.startswith("alembic_") for table in tables):  # left over from a first try
            InitialTables.metadata.create_all(self.engine)
        super().migrate()


def schemas(environment: Mapping[str, str]) -> tuple[Schema, Schema]:
    """Of the runs and models, and of the users."""
    runs, users = runs_database(environment), users_database(environment)
    return (
        RunsSchema("runs and models", runs, runs_schema._get_alembic_config(runs), "alembic_version"),
        Schema("users", users, users_schema._get_alembic_config(users), "alembic_version_auth"),
    )


def migrate(runs: Schema, users: Schema, snapshot: str | None) -> None:
    """`snapshot` names the database server's; a database file is copied here."""
    with _alone(runs):
        _refuse_newer([runs, users], runs.engine)
        behind = [schema for schema in (runs, users) if schema.revision != schema.latest]
        if not behind:
            _say(f"the schema is the one of MLflow {VERSION}")
            return
        made = _copy([schema for schema in (runs, users) if schema.revision]) or snapshot or "none"
        for schema in behind:
            before = schema.revision or "nothing"
            _migrate(schema, after_runs=schema is users and runs in behind)
            _remember(runs.engine, schema, str(made))
            _say(f"migrated the schema of {schema.name} from {before} to {schema.latest}, of MLflow {VERSION}")


def restore(runs: Schema, users: Schema, name: str) -> None:
    """Also under a running server: SQLite takes care of that."""
    files = [schema.file for schema in (runs, users) if schema.file]
    copies = sorted((files[0].parent / BACKUPS).glob("*")) if files else []
    folder = next((copy for copy in copies if copy.name == name), None)
    if folder is None:
        raise Refused(f"there is no copy {name}, but: {', '.join(copy.name for copy in copies) or 'none'}")
    for file in files:
        if (folder / file.name).exists():
            with closing(sqlite3.connect(folder / file.name)) as copy, closing(sqlite3.connect(file)) as database:
                copy.backup(database)
            _say(f"restored {file} from {folder}")


def use_transactions_on_sqlite() -> None:
    """SQLite can roll back changes of a schema, but neither Python's driver nor Alembic uses that by default."""
    SQLiteImpl.transactional_ddl = True

    @event.listens_for(sqlalchemy.Engine, "connect")
    def _leave_transactions_to_us(connection: Any, _: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.isolation_level = None
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")

    @event.listens_for(sqlalchemy.Engine, "begin")
    def _begin(connection: sqlalchemy.Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _alone(runs: Schema) -> Iterator[None]:
    """One migration at a time."""
    if runs.file:
        with runs.file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    with runs.engine.begin() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield


def _refuse_newer(found: Sequence[Schema], engine: sqlalchemy.Engine) -> None:
    for schema in found:
        revision = schema.revision
        if revision is None or schema.knows(revision):
            continue
        made = _remembered(engine, schema, revision)
        by, snapshot = (f"MLflow {made.mlflow}", f"snapshot {made.snapshot}") if made else ("its MLflow", "a snapshot")
        raise Refused(
            f"the database's schema of {schema.name} is newer ({revision}) than MLflow {VERSION}. "
            f"Deploy {by} again, or restore {snapshot} first: see {MANUAL}. The running server was not touched"
        )


def _copy(found: Sequence[Schema]) -> Path | None:
    """Copies files while the server goes on. A migration that is tried again replaces the copy of the first try."""
    files = [schema.file for schema in found if schema.file]
    if not files:
        return None
    revisions = "-".join(str(schema.revision) for schema in found)
    folder = files[0].parent / BACKUPS / f"before-mlflow-{VERSION}-{revisions}"
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in files:
            with closing(sqlite3.connect(file)) as database:
                database.execute("VACUUM INTO ?", [str(folder / file.name)])
    except (OSError, sqlite3.Error) as error:
        raise Refused(f"it can't be copied to {folder}: {_first_line(error)}. Nothing was migrated") from error
    return folder


def _migrate(schema: Schema, after_runs: bool) -> None:
    try:
        schema.migrate()
    except Exception as error:  # a migration of MLflow may raise anything
        if _may_pass(error):
            raise
        traceback.print_exc()
        raise Refused(
            f"the schema of {schema.name} can't be migrated to MLflow {VERSION}: {_first_line(error)}. "
            f"It is as it was, and the running server was not touched{_RUNS_DONE if after_runs else ''}: see {MANUAL}"
        ) from error


def _may_pass(error: Exception) -> bool:
    """Whether it is the database's state, such as a deadlock or a full disk. SQLite calls wrong SQL so, too."""
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR


def _remember(engine: sqlalchemy.Engine, schema: Schema, snapshot: str) -> None:
    row = {"schema": schema.name, "revision": schema.latest, "mlflow": VERSION, "snapshot": snapshot}
    HISTORY.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(HISTORY.insert().values(**row, migrated_at=datetime.now(UTC).replace(tzinfo=None)))


def _remembered(engine: sqlalchemy.Engine, schema: Schema, revision: str) -> Any:
    """The latest migration to this revision."""
    if not sqlalchemy.inspect(engine).has_table(HISTORY.name):
        return None
    wanted = (HISTORY.c.schema == schema.name) & (HISTORY.c.revision == revision)
    with engine.connect() as connection:
        return connection.execute(
            HISTORY.select().where(wanted).order_by(HISTORY.c.migrated_at.desc()).limit(1)
        ).first()


def _first_line(error: Exception) -> str:
    lines = re.split(r"\n+", f"{type(error).__name__}: {error}".strip())
    return lines[0].strip()


def _say(text: str) -> None:
    print(f"tracking: {text}", flush=True)


def _fail(text: str) -> NoReturn:
    message = f"tracking: {text}"
    print(message, file=sys.stderr, flush=True)
    if MESSAGE.exists():
        MESSAGE.write_text(message)
    sys.exit(1)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.umask(0o077)
    use_transactions_on_sqlite()
    if secret := os.environ.get("DATABASE_LOGIN_SECRET"):
        provide_login(secret_reader(secret), Path(tempfile.mkdtemp(prefix="tracking-")))
    match sys.argv[1:]:
        case ["restore", folder]:
            restore(*schemas(os.environ), folder)
        case _:
            migrate(*schemas(os.environ), os.environ.get("DATABASE_SNAPSHOT"))


if __name__ == "__main__":
    try:
        main()
    except (Refused, NoLogin) as error:
        _fail(str(error))
    except Exception as error:  # whatever it is, `make up` shows one line
        _fail(f"the database can't be migrated now: {_first_line(error)}: see {MANUAL}")
