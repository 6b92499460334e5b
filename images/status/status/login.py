"""HTTP Basic authentication with one user name and several accepted passwords."""

import base64
import binascii
import hmac
from pathlib import Path

USERNAME = "admin"


class NoLogin(Exception):
    """The password file is unusable; the text has the reason."""


class Login:
    """`passwords` has one password per line. It is read for each request, since it changes with a rotation."""

    def __init__(self, passwords: Path) -> None:
        self._passwords = passwords

    def require_passwords(self) -> None:
        """Raises `NoLogin` without a password: the page is never served without a login."""
        try:
            known = self._passwords.read_text().split()
        except OSError as error:
            raise NoLogin(f"{self._passwords}: {error.strerror}") from None
        if not known:
            raise NoLogin(f"{self._passwords} is empty")

    def accepts(self, authorization: str | None) -> bool:
        """Compares with all passwords in constant time."""
        username, password = _sent(authorization or "")
        try:
            known = self._passwords.read_text().split()
        except OSError:
            return False
        named = hmac.compare_digest(username.encode(), USERNAME.encode())
        matches = [hmac.compare_digest(password.encode(), each.encode()) for each in known]
        return named and any(matches)


def _sent(authorization: str) -> tuple[str, str]:
    scheme, _, value = authorization.partition(" ")
    try:
        username, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (username, password) if scheme.lower() == "basic" else ("", "")
