"""Who may look: whoever sends the user name with one of the accepted passwords, by HTTP's Basic scheme."""

import base64
import binascii
import hmac
from pathlib import Path

USERNAME = "admin"


class NoLogin(Exception):
    """The file of passwords can't be used; its text says why."""


class Door:
    """`passwords` has one a line and may change while the server runs, so that it is read for each request."""

    def __init__(self, passwords: Path) -> None:
        self._passwords = passwords

    def require_passwords(self) -> None:
        """A page that was told to ask for a login is not served without any."""
        try:
            known = self._passwords.read_text().split()
        except OSError as error:
            raise NoLogin(f"{self._passwords}: {error.strerror}") from None
        if not known:
            raise NoLogin(f"{self._passwords} is empty")

    def admits(self, authorization: str | None) -> bool:
        """Compares with every password, so that the time taken tells nothing."""
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
