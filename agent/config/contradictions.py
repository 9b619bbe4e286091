"""What no single key can tell: settings that do not go together."""

from collections.abc import Iterator

from agent.config.problem import Problem
from agent.config.settings import Settings


def contradictions(settings: Settings) -> Iterator[Problem]:
    """Each mistake that lies between keys; the files that are named are not looked at."""
    pressure = settings.pressure
    for name in ("memory", "io", "cpu"):
        if getattr(pressure, name) > pressure.window:
            yield Problem(
                key=f"pressure.{name}",
                origin=f"for pressure.window is {pressure.window:g}s",
                got=f"{getattr(pressure, name):g}s",
                expected="at most the window",
            )
    serve = settings.serve
    if serve.grpc_address is None:
        return
    for key, value, what in (
        ("serve.tls_certificate", serve.tls_certificate, "this node's certificate"),
        ("serve.tls_key", serve.tls_key, "the key of this node's certificate"),
        ("serve.tls_client_ca", serve.tls_client_ca, "the CA of the clients"),
    ):
        if value is None:
            yield Problem(
                key=key,
                origin=f"for serve.grpc_address is {serve.grpc_address}",
                got="nothing",
                expected=f"the PEM file of {what}, as TCP is served with mutual TLS only; or an"
                " empty serve.grpc_address",
            )
