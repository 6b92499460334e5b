"""Who gets in: whoever has the password that follows from one of the keys and the user's name.

MLflow asks `authenticate` for each request, and keeps itself what each user may do. A user is known to it from the
first time that it gets in. The file of keys may change while the server runs.

MLflow reads files with the server's own rights, from wherever it was told that they are. So teams don't tell it.
"""

import base64
import hashlib
import hmac
import re
import secrets
from functools import cache
from pathlib import Path

from flask import Response, request
from mlflow.exceptions import MlflowException
from mlflow.protos.service_pb2 import CreateExperiment
from mlflow.server.auth import make_basic_auth_response, make_forbidden_response, store
from mlflow.server.handlers import _get_request_message
from serve import ADMINISTRATOR
from werkzeug.datastructures import Authorization

KEYS = Path("/var/run/secrets/logins/keys")
"""One a line."""

_FILES = re.compile(r"/(ajax-)?api/2\.0/mlflow-artifacts/")
"""What is behind it is called as its owner likes."""


def authenticate() -> Authorization | Response:
    """MLflow's `authorization_function`."""
    login = request.authorization
    if login is None or not accepted(login.username or "", login.password or ""):
        return make_basic_auth_response()
    make_known(str(login.username))
    if login.username != ADMINISTRATOR and tells_where_files_are():
        return make_forbidden_response()
    return login


def tells_where_files_are() -> bool:
    """A trace says so itself, in tags that several requests set; an experiment when it is made."""
    if request.path.endswith("/experiments/create"):
        return bool(_get_request_message(CreateExperiment()).artifact_location)
    return "trace" in request.path and not _FILES.match(request.path)


def accepted(username: str, password: str, keys: Path = KEYS) -> bool:
    """Compares with the password of every key, so that the time taken tells nothing."""
    try:
        known = keys.read_text().split()
    except OSError:
        return False
    matches = [hmac.compare_digest(password.encode(), derived(key, username).encode()) for key in known]
    return bool(username) and any(matches)


def derived(key: str, username: str) -> str:
    """A user's password."""
    return base64.urlsafe_b64encode(hmac.new(key.encode(), username.encode(), hashlib.sha256).digest()).decode()[:-1]


@cache
def make_known(username: str) -> None:
    """MLflow's permissions belong to its own users, whose own passwords are asked of nobody."""
    if store.has_user(username):
        return
    try:
        store.create_user(username, secrets.token_urlsafe(32))
    except MlflowException:
        if not store.has_user(username):  # otherwise a request beside this one was faster
            raise
