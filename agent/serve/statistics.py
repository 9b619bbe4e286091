"""What the endpoints count of themselves."""

from __future__ import annotations

from msgspec import Struct, field

_DROPPED = {"limit": 0, "silent": 0, "slow": 0, "handshake": 0}


class HttpStatistics(Struct, kw_only=True):
    """What the metrics endpoint itself has done; its server and its pages keep the count."""

    connections: int = 0  # open now
    dropped: dict[str, int] = field(default_factory=lambda: dict(_DROPPED))
    scrapes: int = 0
    last_scrape_seconds: float | None = None


class TlsStatistics(Struct, kw_only=True):
    """What one endpoint with TLS has seen; its server keeps the count. Times are seconds since
    1970.
    """

    endpoint: str  # "grpc" or "metrics"
    certificate_until: int | None = None
    client_ca_until: int | None = None
    reload_failures: int = 0
    refused: int = 0
