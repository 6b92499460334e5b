"""Passwords that follow from a key and a user's name, so that a server which has the key needs no list of users."""

from __future__ import annotations

import base64
import hashlib
import hmac


def derived_password(key: str, username: str) -> str:
    """The user's, of 43 characters; it tells nothing about the key or another user's. HMAC, RFC 2104."""
    return base64.urlsafe_b64encode(hmac.new(key.encode(), username.encode(), hashlib.sha256).digest()).decode()[:-1]
