"""Where the host is: `/` in a unit of systemd, `/host` in a container, a directory in a test."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


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
