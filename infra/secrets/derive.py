"""Passwords derived from a key and a user name: a server with the key needs no list of users."""

from __future__ import annotations

import base64
import hashlib
import hmac


def derived_password(key: str, username: str) -> str:
    """43 characters of an HMAC (RFC 2104): reveals neither the key nor other users' passwords."""
    return base64.urlsafe_b64encode(hmac.new(key.encode(), username.encode(), hashlib.sha256).digest()).decode()[:-1]
