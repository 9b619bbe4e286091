"""An answer of HTTP/1.0 or 1.1 that ends with its connection, as that to GET /healthz

    HTTP/1.0 200 OK\\r\\n
    Content-Type: text/plain; charset=utf-8\\r\\n
    \\r\\n
    ok

https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

from agent.model.absence import ParseError
from agent.parse.names import printable

_FORM = "HTTP/1.x STATUS"


def parse_response(data: bytes) -> tuple[int, str]:
    """The status, and the body in one printable line."""
    head, _, body = data.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(words) < 2 or words[0] not in (b"HTTP/1.0", b"HTTP/1.1"):
        raise ParseError(_FORM, data[:200])
    if len(words[1]) != 3 or not words[1].isdigit():
        raise ParseError(_FORM, data[:200])
    return int(words[1]), printable(b"; ".join(line for line in body.split(b"\n") if line.strip()))
