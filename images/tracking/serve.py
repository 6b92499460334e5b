"""Starts the MLflow server with logins from mounted secret files; what a user makes is nobody else's."""

import configparser
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from database_login import NoLogin, provide_login, secret_reader

KEYS = Path("/var/run/secrets/logins/keys")
ADMINISTRATOR = "admin"
SOURCES = "^(runs|models|mlflow-artifacts):/"
"""Of a model's versions: what MLflow keeps and knows the owner of, never a place that only the server may read."""


class Misconfigured(Exception):
    """Something that the operator has to change; its text is the whole message."""


def require_keys(file: Path = KEYS) -> None:
    """Without them nobody gets in."""
    try:
        keys = file.read_text().split()
    except OSError as error:
        raise Misconfigured(f"secret file {file}: {error.strerror}") from None
    if not keys:
        raise Misconfigured(f"secret file {file} is empty")


def write_auth_config(folder: Path, database_uri: str) -> Path:
    """Only its owner may read it. MLflow asks for an administrator's password, and `logins` never compares with it."""
    config = configparser.ConfigParser(interpolation=None)
    config["mlflow"] = {
        "default_permission": "NO_PERMISSIONS",
        "database_uri": escaped(database_uri),
        "admin_username": ADMINISTRATOR,
        "admin_password": secrets.token_urlsafe(32),
        "authorization_function": "logins:authenticate",
    }
    path = folder / "basic-auth.ini"
    path.touch(mode=0o600, exist_ok=False)
    with path.open("w") as file:
        config.write(file)
    return path


def escaped(value: str) -> str:
    """MLflow reads the file with interpolation on, where a percent sign has a meaning."""
    return value.replace("%", "%%")


def runs_database(environment: Mapping[str, str]) -> str:
    """The SQLAlchemy address of runs and models."""
    return environment.get("MLFLOW_BACKEND_STORE_URI", "sqlite:////data/mlflow.db")


def users_database(environment: Mapping[str, str]) -> str:
    return environment.get("MLFLOW_AUTH_DATABASE_URI", "sqlite:////data/basic_auth.db")


def server_arguments(environment: Mapping[str, str]) -> list[str]:
    options = {
        "--app-name": "measured",
        "--host": "0.0.0.0",  # a container is reached by no other address
        "--port": "5000",
        "--workers": "1",
        "--backend-store-uri": runs_database(environment),
        "--artifacts-destination": environment.get("MLFLOW_ARTIFACTS_DESTINATION", "/data/artifacts"),
    }
    return ["server", *(part for option in options.items() for part in option)]


def main() -> None:
    # MLflow handles SIGTERM once its server runs; until then the first process of a container would ignore it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.umask(0o077)
    require_keys()
    # Signs the sessions of the user interface, which end with the server.
    os.environ["MLFLOW_FLASK_SERVER_SECRET_KEY"] = secrets.token_urlsafe(32)
    os.environ["MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX"] = SOURCES
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # the server's workers import `logins`
    folder = Path(tempfile.mkdtemp(prefix="tracking-"))
    if secret := os.environ.get("DATABASE_LOGIN_SECRET"):
        provide_login(secret_reader(secret), folder)
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(write_auth_config(folder, users_database(os.environ)))

    from mlflow.cli import cli

    cli(server_arguments(os.environ))


if __name__ == "__main__":
    try:
        main()
    except (Misconfigured, NoLogin) as error:
        sys.exit(f"tracking: {error}")
