"""GET /healthz of a daemon on this node, over TCP

Nothing here blocks the event loop: the address is a number, so nobody is asked for it, and the
socket is asyncio's. Nothing here has a deadline either: whoever asks decides how long.

https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet/
"""

from __future__ import annotations

import asyncio

from agent.host.absence import SourceAbsent
from agent.model.absence import Absence, ParseError
from agent.model.kubelet import HealthAnswer
from agent.parse.http_response import parse_response

MAX_BYTES = 16384
"""Of an answer; a healthz that fails lists its checks."""


async def ask_healthz(address: str, port: int) -> HealthAnswer:
    """What it answers. Raises SourceAbsent (FAILED: refused, cut off, or no HTTP)."""
    where = f"{address}:{port}"
    try:
        reader, writer = await asyncio.open_connection(address, port)
    except OSError as error:
        raise SourceAbsent(Absence.FAILED, f"{where}: {_words(error)}") from error
    try:
        writer.write(f"GET /healthz HTTP/1.0\r\nHost: {where}\r\n\r\n".encode("ascii"))
        data = b""
        while len(data) < MAX_BYTES and (part := await reader.read(MAX_BYTES - len(data))):
            data += part
        status, text = parse_response(data)
    except OSError as error:
        raise SourceAbsent(Absence.FAILED, f"{where}: {_words(error)}") from error
    except ParseError as error:
        raise SourceAbsent(Absence.FAILED, f"{where}: {error}") from error
    finally:
        writer.transport.abort()
    return HealthAnswer(status=status, text=text)


def _words(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connections are refused: nobody listens"
    return error.strerror or str(error)
