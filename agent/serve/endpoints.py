"""The metric families of the endpoints: connections, certificates, scrapes."""

from __future__ import annotations

from agent.serve.row import Samples, counter, gauge, one
from agent.serve.scrape import Scrape


def _tls_expiry(scrape: Scrape) -> Samples:
    for each in scrape.tls:
        if each.certificate_until is not None:
            yield (each.endpoint, "certificate"), each.certificate_until
        if each.client_ca_until is not None:
            yield (each.endpoint, "client_ca"), each.client_ca_until


ROWS = (
    gauge(
        "http_connections",
        "Open connections of the metrics endpoint.",
        lambda s: one(s.http.connections),
    ),
    counter(
        "http_connections_dropped",
        "Connections of the metrics endpoint that were turned away or cut, by reason.",
        lambda s: (((reason,), count) for reason, count in s.http.dropped.items()),
        labels=("reason",),
    ),
    gauge(
        "tls_certificate_expiry_timestamp_seconds",
        "When what an endpoint serves with ends: its certificate chain, the CA of its clients.",
        _tls_expiry,
        labels=("endpoint", "file"),
    ),
    counter(
        "tls_reload_failures",
        "Looks at changed TLS files that found them unusable; the old certificate stays in use.",
        lambda s: (((each.endpoint,), each.reload_failures) for each in s.tls),
        labels=("endpoint",),
    ),
    counter(
        "tls_clients_refused",
        "Calls over TCP of clients whose certificate names none of serve.tls_clients.",
        lambda s: (((), each.refused) for each in s.tls if each.endpoint == "grpc"),
    ),
)

SCRAPE_ROWS = (
    counter("scrapes", "Scrapes rendered.", lambda s: one(s.http.scrapes)),
    gauge(
        "scrape_duration_seconds",
        "Time that the scrape before this one took to write; absent in the first.",
        lambda s: one(s.http.last_scrape_seconds),
    ),
)
