"""Options that every command takes, before or after its name, and the types of their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from click.core import ParameterSource
from msgspec import Struct, field

from agent.nodectl.client import Client
from agent.nodectl.door import Door
from agent.nodectl.unix import UnixDoor

DEFAULT_SOCKET = "/run/nodewitness/agent.sock"
OUTPUTS = ("table", "wide", "json", "yaml")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


class Settings(Struct):
    """The global options; those given after the command win."""

    socket: str = DEFAULT_SOCKET
    address: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    server_name: str = ""
    timeout: float = 5.0
    output: str = "table"
    typed: set[str] = field(default_factory=set)  # of these, what the command line has

    def client(self) -> Client:
        """A client that has not connected yet; a usage error if it cannot tell where to."""
        return Client(self._door(), self.timeout)

    def client_of_this_node(self) -> Client:
        """The same, of the socket only."""
        if "address" in self.typed:
            raise click.UsageError("this is done on the node itself: --socket, not --address")
        return Client(UnixDoor(self.socket), self.timeout)

    def _door(self) -> Door:
        if {"socket", "address"} <= self.typed:
            raise click.UsageError("--socket or --address, not both")
        if not self.address or "socket" in self.typed:
            return UnixDoor(self.socket)
        files = {"--ca": self.ca, "--cert": self.cert, "--key": self.key}
        missing = [option for option, path in files.items() if not path]
        if missing:
            raise click.UsageError(
                f"--address takes mutual TLS, and so --ca, --cert and --key; {', '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing"
            )
        from agent.nodectl.tls import TlsDoor, host_and_port, server_name

        host, port = host_and_port(self.address)
        return TlsDoor(
            host=host,
            port=port,
            ca=self.ca,
            cert=self.cert,
            key=self.key,
            server_name=server_name(self.server_name),
        )


def parse_duration(text: str) -> float | None:
    """Seconds of "5s", "10m", "1h30m", "250ms", "2d"; None if it is not a duration."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PART.findall(text))


def seconds_of(value: str | float) -> float:
    """Seconds, written as a duration, never zero; else a usage error."""
    if isinstance(value, float):
        return value
    seconds = parse_duration(value)
    if not seconds:
        raise click.BadParameter(f"{value!r} is not a duration such as 5s, 10m or 1h30m")
    return seconds


class Since(Struct, frozen=True):
    """A moment as the user gave it: so long ago, or a point in time."""

    text: str
    ago_seconds: float | None = None
    wall_ns: int | None = None

    def nanoseconds(self, now_ns: int) -> int:
        """Nanoseconds since 1970, not before it."""
        if self.wall_ns is not None:
            return self.wall_ns
        return max(now_ns - int((self.ago_seconds or 0) * 1e9), 0)


def since_of(value: str | Since) -> Since:
    """A duration before now, or RFC 3339; a time without a zone is refused as ambiguous."""
    if isinstance(value, Since):
        return value
    seconds = parse_duration(value)
    if seconds is not None:
        return Since(value, ago_seconds=seconds)
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise click.BadParameter(
            f"{value!r} is neither a duration (10m, 2h) nor a time (2026-11-22T03:00:00Z)"
        )
    since_1970 = when - datetime(1970, 1, 1, tzinfo=UTC)
    return Since(value, wall_ns=max(since_1970 // timedelta(microseconds=1) * 1000, 0))


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        settings = ctx.ensure_object(Settings)
        source = ctx.get_parameter_source(param.name or "")
        # What was typed wins; the environment speaks once, at the group, and not again at each
        # command.
        if source is ParameterSource.COMMANDLINE or ctx.parent is None:
            setattr(settings, name, value)
        if source is ParameterSource.COMMANDLINE:
            settings.typed.add(name)

    return callback


def _remote(name: str, metavar: str, text: str) -> Callable[[Any], Any]:
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        metavar=metavar,
        envvar=f"NODEWITNESS_{name.upper()}",
        default="",
        show_envvar=True,
        expose_value=False,
        callback=_keep(name),
        help=text,
    )


def global_options(outputs: tuple[str, ...] = ("table", "json", "yaml")) -> Callable[[Any], Any]:
    """--output, --timeout and where the agent is, on the group and on each command alike."""

    def decorate(command: Any) -> Any:
        for option in (
            click.option(
                "-o",
                "--output",
                type=click.Choice(outputs),
                default="table",
                show_default=True,
                expose_value=False,
                callback=_keep("output"),
                help="How to print.",
            ),
            click.option(
                "--timeout",
                type=seconds_of,
                metavar="DURATION",
                default="5s",
                show_default=True,
                expose_value=False,
                callback=_keep("timeout"),
                help="How long to wait for the agent's answer.",
            ),
            click.option(
                "--socket",
                metavar="PATH",
                envvar="NODEWITNESS_SOCKET",
                default=DEFAULT_SOCKET,
                show_default=True,
                show_envvar=True,
                expose_value=False,
                callback=_keep("socket"),
                help="The agent's socket.",
            ),
            _remote("server_name", "NAME", "The name in the agent's certificate, if not HOST."),
            _remote("key", "FILE", "PEM: the key of that certificate."),
            _remote("cert", "FILE", "PEM: our certificate, for --address."),
            _remote("ca", "FILE", "PEM: the CA of the agent's certificate, for --address."),
            _remote("address", "HOST[:PORT]", "The agent of another node, over mutual TLS."),
        ):
            command = option(command)
        return command

    return decorate
