"""Listening sockets: taken before anything else starts, so that a busy port is said clearly and at once."""

import socket

from huida.commands.screen import Failure


def taken(host: str, port: int, *, option: str) -> socket.socket:
    """A bound socket. Raises Failure naming the port and the option that changes it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as busy:
        sock.close()
        raise Failure("cli.port_busy", host=host, port=port, option=option, reason=busy.strerror) from busy
    return sock


def must_be_free(host: str, port: int, *, option: str) -> None:
    """Raises Failure when a program listens there already."""
    taken(host, port, option=option).close()
