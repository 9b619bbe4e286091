"""/proc/PID/cmdline of etcd: words that end in NUL

    etcd --name=cp1 --data-dir=/var/lib/etcd --wal-dir /var/lib/etcd-wal

Its write-ahead log, whose fsync each proposal waits for, lies below data-dir unless wal-dir says
otherwise. Flags are those of Go's flag package.

https://etcd.io/docs/latest/op-guide/configuration/
"""

from __future__ import annotations

from agent.parse.names import printable

FLAGS = ("wal-dir", "data-dir")


def parse_etcd_directory(data: bytes) -> str:
    """The directory of the write-ahead log, or that of all data; empty if neither is given."""
    words = [printable(word) for word in data.split(b"\0")][1:]
    values: dict[str, str] = {}
    for at, word in enumerate(words):
        name, equal, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name in FLAGS:
            values[name] = value if equal else (words[at + 1] if at + 1 < len(words) else "")
    return next((values[name] for name in FLAGS if values.get(name)), "")
