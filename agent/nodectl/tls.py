"""The door over the network: TCP with mutual TLS.

gRPC says UNAVAILABLE to everything that can go wrong here. So Python's own TLS shakes hands first:
it names an expired certificate, a wrong CA and a wrong name. Of our own certificate TLS 1.3 hears
nothing during the handshake; a server that does not take it hangs up when it would have to speak
first (HTTP/2's SETTINGS), so that is waited for.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from agent.model.absence import ParseError
from agent.nodectl.door import Options, import_grpc
from agent.nodectl.exits import NoAgentError, no_agent, timed_out
from agent.nodectl.show.words import duration, escape
from agent.parse.certificate import parse_not_after, parse_pem_certificates

if TYPE_CHECKING:
    import grpc

DEFAULT_PORT = 9755
_DO = (
    "systemctl status nodewitness      (on that node; or its nodewitness pod)",
    "nodewitness config check          (on that node: serve.grpc_address, serve.tls_*)",
    "nodectl --socket PATH             (on that node, without TLS)",
)
# The client's connection preface with empty SETTINGS: RFC 9113, section 3.4.
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
# What is none, the resolver would answer with errors of its own.
_HOST = r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?"
_ADDRESS = re.compile(rf"(?:\[([0-9A-Fa-f:.]+)\]|({_HOST}))(?::([0-9]{{1,5}}))?")
# X509_V_ERR_*: https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
_NOT_YET, _EXPIRED, _NAME_ERRORS = 9, 10, (62, 64)


class TlsDoor(Struct, frozen=True, kw_only=True):
    """An address with the PEM files of TLS; `server_name` is expected instead of the host."""

    host: str
    port: int
    ca: str
    cert: str
    key: str
    server_name: str

    def probe(self, timeout_seconds: float) -> None:
        """Shake hands once. A file that cannot be used is a usage error."""
        context = self._context()
        try:
            with socket.create_connection((self.host, self.port), timeout_seconds) as raw:
                self._shake_hands(context, raw)
        except OSError as error:
            raise self.no_agent(*_unreachable(error, timeout_seconds)) from None

    def _shake_hands(self, context: ssl.SSLContext, raw: socket.socket) -> None:
        name = self.server_name or self.host
        shaken = False
        try:
            with context.wrap_socket(raw, server_hostname=name) as wrapped:
                shaken = True
                wrapped.sendall(_HELLO)
                heard = wrapped.recv(1)
        except ssl.SSLCertVerificationError as error:
            raise self.no_agent(*self._distrusted(error, name)) from None
        except (ssl.SSLError, ConnectionError):
            if not shaken:
                causes = ("this is the port of something else, such as /metrics",)
                raise self.no_agent("what answers does not speak TLS as we do", causes) from None
            heard = b""
        if not heard:
            raise self.no_agent(*self._unwanted())

    def _distrusted(
        self, error: ssl.SSLCertVerificationError, name: str
    ) -> tuple[str, tuple[str, ...]]:
        said = error.verify_message.rstrip(".")
        match error.verify_code:
            case code if code == _EXPIRED:
                return "its certificate has expired", (
                    "it was not rotated: nodewitness_tls_certificate_expiry_timestamp_seconds",
                    "the clock of this machine is wrong",
                )
            case code if code == _NOT_YET:
                return "its certificate is not yet valid", ("a clock is wrong, here or there",)
            case code if code in _NAME_ERRORS:
                return f"its certificate is not for the name {escape(name)} ({escape(said)})", (
                    "this is the address of another node",
                    "it is the right one under another name: --server-name NAME",
                )
            case _:
                return f"its certificate is not signed by the CA in {self.ca} ({escape(said)})", (
                    "--ca is the CA of the clients, and not the one of the nodes",
                    "somebody else answers at this address",
                )

    def _unwanted(self) -> tuple[str, tuple[str, ...]]:
        past = _ended_ago(self.cert)
        if past is not None:
            return f"it does not take our certificate, which ended {duration(past)} ago", (
                f"{self.cert} was not renewed",
            )
        return "it hung up when it had seen our certificate", (
            f"{self.cert} is not signed by a CA of its serve.tls_client_ca",
            "too many clients are connected to it",
        )

    def _context(self) -> ssl.SSLContext:
        """Trusts --ca alone, as gRPC will, and shows --cert."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(["h2"])
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what the file holds is trusted
        for option, path in (("--ca", self.ca), ("--cert", self.cert), ("--key", self.key)):
            _contents(option, path)
        try:
            context.load_verify_locations(self.ca)
        except ssl.SSLError:
            raise click.UsageError(
                f"--ca {self.ca} holds no certificate that can be read"
            ) from None
        try:
            context.load_cert_chain(self.cert, self.key, password=_no_passphrase)
        except ssl.SSLError as error:
            why = "they do not belong together"
            if error.reason != "KEY_VALUES_MISMATCH":
                why = "one of them is broken, empty, or needs a passphrase"
            text = f"--cert {self.cert} and --key {self.key} cannot be used: {why}"
            raise click.UsageError(text) from None
        return context

    def channel(self, options: Options) -> grpc.Channel:
        """A channel that trusts --ca and shows --cert."""
        made = import_grpc()
        credentials = made.ssl_channel_credentials(
            root_certificates=_contents("--ca", self.ca),
            private_key=_contents("--key", self.key),
            certificate_chain=_contents("--cert", self.cert),
        )
        if self.server_name:
            options = (*options, ("grpc.ssl_target_name_override", self.server_name))
        channel: grpc.Channel = made.secure_channel(str(self), credentials, options=options)
        return channel

    def no_agent(self, found: str, causes: tuple[str, ...]) -> NoAgentError:
        """Names the address."""
        return no_agent(escape(str(self)), found, causes, _DO)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def host_and_port(value: str) -> tuple[str, int]:
    """HOST, HOST:PORT or [V6]:PORT, else a usage error."""
    match = _ADDRESS.fullmatch(value)
    port = int(match[3] or DEFAULT_PORT) if match else 0
    if match is None or not 0 < port < 65536:
        raise click.UsageError(f"--address {value!r} is not HOST, HOST:PORT or [V6]:PORT")
    return match[1] or match[2], port


def server_name(value: str) -> str:
    """The name, or an empty one; else a usage error."""
    if value and not re.fullmatch(rf"{_HOST}|[0-9A-Fa-f:.]+:[0-9A-Fa-f:.]*", value):
        raise click.UsageError(f"--server-name {value!r} is neither a host name nor an address")
    return value


def _unreachable(error: OSError, timeout_seconds: float) -> tuple[str, tuple[str, ...]]:
    match error:
        case socket.gaierror():
            return f"no such host ({error.strerror})", (
                "a typing error, or DNS does not know the node: give its address",
            )
        case TimeoutError():
            return f"no answer within {duration(timeout_seconds)}", (
                "a firewall drops what is sent there",
                *timed_out(timeout_seconds)[1],
            )
        case ConnectionRefusedError():
            return "nobody listens (connection refused)", (
                "the agent is not running there",
                "its serve.grpc_address is empty, or another",
            )
        case _:
            return escape(error.strerror or str(error)), ()


def _contents(option: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise click.UsageError(f"{option} {path}: {error.strerror}") from None


def _no_passphrase() -> str:
    """OpenSSL would ask the terminal for one."""
    return ""


def _ended_ago(cert: str) -> float | None:
    """Seconds since our own certificate ended; None if it has not."""
    try:
        ends = [parse_not_after(der) for der in parse_pem_certificates(Path(cert).read_bytes())]
    except (OSError, ParseError):
        return None
    past = time.time() - min(ends, default=0)
    return past if ends and past > 0 else None
