"""Starts the MLflow server with basic authentication from mounted secret files."""

import configparser
import os
import signal
import sys
import tempfile
from pathlib import Path

from database_login import NoLogin, provide_login, secret_reader

SECRETS = Path("/var/run/secrets/tracking")


class Misconfigured(Exception):
    """Something that the operator has to change; its text is the whole message."""


def read_secret(name: str, folder: Path = SECRETS) -> str:
    try:
        value = (folder / name).read_text().strip()
    except OSError as error:
        raise Misconfigured(f"secret file {folder / name}: {error.strerror}") from None
    if not value:
        raise Misconfigured(f"secret file {folder / name} is empty")
    return value


def write_auth_config(folder: Path, username: str, password: str, database_uri: str) -> Path:
    """MLflow takes the administrator from a file; only its owner may read it."""
    config = configparser.ConfigParser(interpolation=None)
    config["mlflow"] = {
        "default_permission": "READ",
        "database_uri": escaped(database_uri),
        "admin_username": escaped(username),
        "admin_password": escaped(password),
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
        # Passwords are hashed slowly on purpose; without a cache every request pays for it.
        "auth_cache_ttl_seconds": "60",
    }
    path = folder / "basic-auth.ini"
    path.touch(mode=0o600, exist_ok=False)
    with path.open("w") as file:
        config.write(file)
    return path


def escaped(value: str) -> str:
    """MLflow reads the file with interpolation on, where a percent sign has a meaning."""
    return value.replace("%", "%%")


def rotate_password(username: str, password: str, database_uri: str) -> bool:
    """Makes a changed secret the administrator's password: MLflow itself looks at it on the first start only."""
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    users = SqlAlchemyStore()
    users.init_db(database_uri)
    if not users.has_user(username) or users.authenticate_user(username, password):
        return False
    users.update_user(username, password=password)
    return True


def server_arguments(environment: dict[str, str]) -> list[str]:
    options = {
        "--app-name": "basic-auth",
        "--host": "0.0.0.0",  # a container is reached by no other address
        "--port": "5000",
        "--workers": "1",
        "--backend-store-uri": environment.get("MLFLOW_BACKEND_STORE_URI", "sqlite:////data/mlflow.db"),
        "--artifacts-destination": environment.get("MLFLOW_ARTIFACTS_DESTINATION", "/data/artifacts"),
    }
    return ["server", *(part for option in options.items() for part in option)]


def main() -> None:
    # MLflow handles SIGTERM once its server runs; until then the first process of a container would ignore it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.umask(0o077)
    database_uri = os.environ.get("MLFLOW_AUTH_DATABASE_URI", "sqlite:////data/basic_auth.db")
    username, password = read_secret("username"), read_secret("password")
    os.environ["MLFLOW_FLASK_SERVER_SECRET_KEY"] = read_secret("flask-secret-key")
    folder = Path(tempfile.mkdtemp(prefix="tracking-"))
    if secret := os.environ.get("DATABASE_LOGIN_SECRET"):
        provide_login(secret_reader(secret), folder)
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(write_auth_config(folder, username, password, database_uri))
    if rotate_password(username, password, database_uri):
        print(f"tracking: the password of {username} was changed to the one in the secret", flush=True)

    from mlflow.cli import cli

    cli(server_arguments(dict(os.environ)))


if __name__ == "__main__":
    try:
        main()
    except (Misconfigured, NoLogin) as error:
        sys.exit(f"tracking: {error}")
