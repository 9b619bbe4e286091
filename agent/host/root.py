"""Where the host is: `/` in a unit of systemd, `/host` in a container, a directory in a test."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

MAX_LINKS = 40
"""MAXSYMLINKS, include/linux/namei.h"""


class HostRoot(Struct, frozen=True, kw_only=True):
    """The four places through which all sources see the host.

    `proc` must be a procfs of the host's PID namespace: pids from kmsg and trace_pipe are numbers
    of that namespace.
    """

    proc: Path
    sys: Path
    run: Path
    root: Path

    @classmethod
    def at(cls, root: Path) -> HostRoot:
        """The host whose root directory is `root`, with proc, sys and run in their usual places."""
        return cls(proc=root / "proc", sys=root / "sys", run=root / "run", root=root)


def below(root: Path, path: Path) -> Path:
    """Where we reach an absolute path of a host whose root directory is `root`: its symbolic links
    are followed as the host does, for an absolute one would lead into our own files. A loop is left
    to whoever opens it.
    """
    if root == Path("/"):
        return path
    at, links = root, 0
    parts = list(reversed(path.parts[1:]))
    while parts:
        part = parts.pop()
        if part == "..":
            at = root if at == root else at.parent
            continue
        try:
            target = Path(os.readlink(at / part))
        except OSError:  # it is no link, or not there
            at /= part
            continue
        links += 1
        if links > MAX_LINKS:
            return root / str(path).lstrip("/")
        at = root if target.is_absolute() else at
        parts += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    return at
