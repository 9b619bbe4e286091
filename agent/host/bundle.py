"""The bundle of a running container, as containerd's shim keeps it

    /run/containerd/io.containerd.runtime.v2.task/k8s.io/<container id>/
        config.json   the OCI configuration; there before the container's cgroup is
        init.pid      "4711", no newline; runc renames it into place once the process exists

Both are gone a moment after the container's end. /run is memory, so reading does not wait for a
disk; containerd need not be alive.

https://github.com/containerd/containerd/blob/main/core/runtime/v2/README.md
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.model.absence import Absence
from agent.parse.digits import number
from agent.parse.oci_bundle import BundleNames, parse_bundle

_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
_LIMIT = 1 << 20
"""Bytes of a config.json. Ten are as large as a pod with 1,000 services and their environment."""


class Bundle(Struct, frozen=True, kw_only=True):
    """What one bundle tells."""

    names: BundleNames
    init_pid: int | None  # in the PID namespace of the host; None: not written yet


def read_bundle(bundles: Path, container_id: str) -> Bundle:
    """The names and the first process of one container.

    Raises SourceAbsent (VANISHED: there is no such bundle, or not any more), ParseError, and
    ValueError for an id that is not 64 hex digits.
    """
    directory = _directory(bundles, container_id)
    names = parse_bundle(read_file(directory / "config.json", limit=_LIMIT))
    return Bundle(names=names, init_pid=_init_pid(directory))


def read_init_pid(bundles: Path, container_id: str) -> int | None:
    """The container's first process; None if it is not written yet, or not any more.

    Raises as `read_bundle` does.
    """
    return _init_pid(_directory(bundles, container_id))


def _directory(bundles: Path, container_id: str) -> Path:
    if _CONTAINER_ID.fullmatch(container_id) is None:
        raise ValueError(f"not a container's id: {container_id[:80]!r}")
    return bundles / container_id


def _init_pid(directory: Path) -> int | None:
    try:
        return number(read_file(directory / "init.pid", limit=64).strip(), "init.pid")
    except SourceAbsent as error:
        if error.absent.absence is Absence.VANISHED:
            return None
        raise
