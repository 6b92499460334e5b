"""Ports of this machine."""

import random
import socket
from contextlib import ExitStack, suppress

LISTENED_ON = range(20000, 30000)
"""Below those that Linux gives to connections, which would otherwise take one between its choice and its use."""


def free_port(beside: int = 0) -> int:
    """One on loopback that nobody listens on, nor on the next `beside` ones."""
    for port in random.sample(LISTENED_ON, 1000):
        with suppress(OSError), ExitStack() as probes:
            for each in range(port, port + beside + 1):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", each))
            return port
    raise AssertionError("no port is free")
