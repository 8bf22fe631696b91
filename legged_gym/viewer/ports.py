"""The port that the page is served at."""

import errno
import socket

from legged_gym.utils.errors import UserError


def free_port(host: str, port: int) -> int:
    """The first free port of `host` from `port` on; 0 stands for one of the system's choice.

    Viser would look for one too, but waits forever where it can have none.
    """
    if not 0 <= port <= 65535:
        raise UserError(f"--env.viser.port is {port}: it has to lie in 0 .. 65535")
    last = min(port + 99, 65535)
    for candidate in range(port, last + 1):
        try:
            for family, kind, protocol, _, address in socket.getaddrinfo(host, candidate, type=socket.SOCK_STREAM):
                with socket.socket(family, kind, protocol) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(address)
            return candidate
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise UserError(f"the viewer cannot use {host}, port {candidate}: {error.strerror}") from error
    raise UserError(f"ports {port} to {last} of {host} are in use: choose another with --env.viser.port")
