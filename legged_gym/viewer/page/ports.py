"""The server of a page, and the port that it is served at."""

import contextlib
import errno
import ipaddress
import socket

import viser

from legged_gym.envs.base.legged_robot_config import ViserCfg
from legged_gym.utils.errors import UserError


def serve(cfg: ViserCfg, label: str) -> viser.ViserServer:
    """A server at the configured host and the first free port."""
    port = free_port(cfg.host, cfg.port)
    if not _is_loopback(cfg.host):
        print(f"viewer: nobody is authenticated: whoever reaches {cfg.host}:{port} can steer, load and export policies")
    with contextlib.redirect_stdout(None):  # viser's own banner; the script prints the address
        server = viser.ViserServer(cfg.host, port, label=label, verbose=False)
    server.gui.configure_theme(show_share_button=False, control_width="medium")  # sharing puts it on the internet
    return server


def address(server: viser.ViserServer) -> str:
    """What to open in a browser on this machine."""
    host = server.get_host()
    if host in ("0.0.0.0", "::"):
        host = "localhost"
    elif ":" in host:  # IPv6
        host = f"[{host}]"
    return f"http://{host}:{server.get_port()}"


def _is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    found = {address[0] for *_, address in socket.getaddrinfo(host or "0.0.0.0", None)}
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in found)


def stop(server: viser.ViserServer) -> None:
    """Take the page down."""
    with contextlib.redirect_stdout(None):  # viser's "Server stopped"
        server.stop()


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
