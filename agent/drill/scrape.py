"""One GET of a metrics page."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

_MOST_BYTES = 64 << 20


def fetch(url: str, timeout_seconds: float = 2.0) -> bytes:
    """The page. Raises OSError, also for what is no page of metrics (another status, not HTTP)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OSError("not an http:// or https:// address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OSError("not an http:// or https:// address")
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        # Nothing secret is sent, and all that is learnt is whether a number rose: whose certificate
        # it is does not matter. All nodes may share one, which names none of them.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            parts.hostname, port, timeout=timeout_seconds, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname, port, timeout=timeout_seconds)
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    try:
        connection.request("GET", path, headers={"Accept": "text/plain"})
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise OSError(f"answered {answer.status} {answer.reason}")
        return answer.read(_MOST_BYTES)
    except http.client.HTTPException as error:
        raise OSError(f"does not speak HTTP: {type(error).__name__}") from error
    finally:
        connection.close()
