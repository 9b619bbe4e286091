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
    if serve.metrics_client_ca is not None and not serve.metrics_tls:
        yield Problem(
            key="serve.metrics_tls",
            origin=f"for serve.metrics_client_ca is {serve.metrics_client_ca}",
            got="false",
            expected="true: without TLS no client shows a certificate; or an empty"
            " serve.metrics_client_ca",
        )
    pair = (
        ("serve.tls_certificate", serve.tls_certificate, "this node's certificate"),
        ("serve.tls_key", serve.tls_key, "the key of this node's certificate"),
    )
    if serve.grpc_address is not None:
        for key, value, what in (
            *pair,
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
    elif serve.metrics_tls:
        for key, value, what in pair:
            if value is None:
                yield Problem(
                    key=key,
                    origin="for serve.metrics_tls is true",
                    got="nothing",
                    expected=f"the PEM file of {what}; or serve.metrics_tls = false",
                )
