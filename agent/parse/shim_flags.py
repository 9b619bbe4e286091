"""/proc/PID/cmdline of a containerd shim: words that end in NUL

    /usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id 5f0c...
    -address /run/containerd/containerd.sock

Flags are those of Go's flag package: -id X, --id X, -id=X.

https://github.com/containerd/containerd/blob/main/core/runtime/v2/README.md
"""

from __future__ import annotations

from msgspec import Struct

from agent.model.absence import ParseError
from agent.parse.names import printable


class ShimFlags(Struct, frozen=True, kw_only=True):
    """Empty: not given."""

    namespace: str = ""
    id: str = ""
    address: str = ""  # containerd's own socket


def parse_shim_flags(data: bytes) -> ShimFlags:
    """ParseError if there is no id: then it is no shim that serves a sandbox."""
    words = [printable(word) for word in data.split(b"\0")][1:]
    values: dict[str, str] = {}
    for at, word in enumerate(words):
        name, equal, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name in ("namespace", "id", "address"):
            values[name] = value if equal else (words[at + 1] if at + 1 < len(words) else "")
    if not values.get("id"):
        raise ParseError("cmdline: a shim's -id", data)
    return ShimFlags(
        namespace=values.get("namespace", ""),
        id=values["id"],
        address=values.get("address", ""),
    )
