"""The login of a database whose password somebody else makes and renews.

The database's client library reads a password file whenever it connects. It is written from the secret store and kept
up to date, so that a renewed password reaches every new connection, and no password is in an environment or an address.
"""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

REFRESH_SECONDS = 60

Fetch = Callable[[], dict[str, str]]


class NoLogin(Exception):
    """The secret could not be read; its text says why."""


def secret_reader(secret: str, client: Any = None) -> Fetch:
    """Reads the secret that an ARN names, in the ARN's own region."""
    if client is None:
        import boto3

        client = boto3.client("secretsmanager", region_name=secret.split(":")[3])

    def fetch() -> dict[str, str]:
        try:
            login: dict[str, str] = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
            return {"username": login["username"], "password": login["password"]}
        except Exception as error:
            raise NoLogin(f"secret {secret}: {type(error).__name__}: {error}") from None

    return fetch


def write_password_file(path: Path, login: dict[str, str]) -> None:
    """For every host and database; in place at once, and readable by its owner only, or the client ignores it."""
    user, password = (
        value.replace("\\", "\\\\").replace(":", "\\:") for value in (login["username"], login["password"])
    )
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(f"*:*:*:{user}:{password}\n")
    new.replace(path)


def provide_login(fetch: Fetch, folder: Path) -> None:
    """Makes this process and its children log in with the secret, now and after it has been renewed."""
    path = folder / "pgpass"
    login = fetch()
    write_password_file(path, login)
    os.environ["PGUSER"] = login["username"]
    os.environ["PGPASSFILE"] = str(path)
    threading.Thread(target=_renew, args=(fetch, path, login), daemon=True).start()


def _renew(fetch: Fetch, path: Path, login: dict[str, str]) -> None:
    pause = threading.Event()
    while not pause.wait(REFRESH_SECONDS):
        try:
            found = fetch()
        except NoLogin as error:
            print(f"tracking: the database's login is not renewed: {error}", flush=True)
            continue
        if found != login:
            write_password_file(path, login := found)
            print("tracking: the database's login was renewed", flush=True)
