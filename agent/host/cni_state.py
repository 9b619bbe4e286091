"""What the CNI keeps on disk: libcni's results, and host-local's allocations

    /var/lib/cni/results/lab-24f0...-eth0
    /var/lib/cni/networks/lab/10.88.0.5, last_reserved_ip.0, lock
    /var/lib/cni/flannel/24f0...

All of it lies on a disk: for a worker.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.root import HostRoot, below
from agent.model.absence import Absence, ParseError
from agent.parse.cni_plan import (
    DATA_DIRECTORY,
    Address,
    CNIResult,
    NetworkPlan,
    parse_allocation,
    parse_plan,
    parse_result,
)

RESULTS = "/var/lib/cni/results"
MAX_FILES = 16384
MAX_NETWORKS = 64
_FILE_LIMIT = 1 << 20


class Allocation(Struct, frozen=True, kw_only=True):
    """One address that is taken."""

    address: Address
    container_id: str  # empty: its file could not be read


class CNIState:
    """Reads below the host's root; holds nothing open."""

    def __init__(self, root: HostRoot) -> None:
        self._root = root.root

    def plan(self, path: str) -> NetworkPlan:
        """What a configuration asks for. Raises SourceAbsent, ParseError."""
        return parse_plan(read_file(self._at(path), limit=_FILE_LIMIT))

    def delegate(self, directory: str) -> NetworkPlan | None:
        """What a plugin has asked another one for last; None: nothing that can be read. Raises
        SourceAbsent unless there is none.
        """
        newest: tuple[int, str] | None = None
        at = self._at(directory)
        for name in self._names(directory):
            with contextlib.suppress(OSError):
                made_ns = os.stat(at / name).st_mtime_ns
                newest = max(newest or (made_ns, name), (made_ns, name))
        if newest is None:
            return None
        try:
            return self.plan(f"{directory}/{newest[1]}")
        except (SourceAbsent, ParseError):
            return None

    def networks(self) -> list[str]:
        """The directories that host-local has made where it makes them by default. Raises
        SourceAbsent unless there are none.
        """
        names = self._names(DATA_DIRECTORY)
        paths = [f"{DATA_DIRECTORY}/{name}" for name in names]
        return [path for path in paths if self._at(path).is_dir()][:MAX_NETWORKS]

    def size(self, directory: str) -> int:
        """How many files it has. Raises SourceAbsent unless there are none."""
        return len(self._names(directory))

    def results(self, known: dict[str, CNIResult]) -> dict[str, CNIResult]:
        """libcni's results by file name; those of `known` are not read again. Raises SourceAbsent
        unless there are none.
        """
        found = {}
        at = self._at(RESULTS)
        for name in self._names(RESULTS):
            result = known.get(name)
            if result is None:
                with contextlib.suppress(SourceAbsent, ParseError):
                    data = read_file(at / name, limit=_FILE_LIMIT)
                    result = parse_result(data)
            if result is not None:
                found[name] = result
        return found

    def allocations(self, directory: str) -> tuple[Allocation, ...]:
        """host-local's. Raises SourceAbsent unless there are none."""
        return tuple(self._allocations(directory))

    def _allocations(self, directory: str) -> Iterator[Allocation]:
        at = self._at(directory)
        for name in self._names(directory):
            try:
                address = ipaddress.ip_address(name.replace("_", ":"))
            except ValueError:
                continue  # last_reserved_ip.0, lock
            owner = ""
            with contextlib.suppress(SourceAbsent):
                owner = parse_allocation(read_file(at / name, limit=_FILE_LIMIT))
            yield Allocation(address=address, container_id=owner)

    def _names(self, directory: str) -> list[str]:
        try:
            return sorted(os.listdir(self._at(directory)))[:MAX_FILES]
        except OSError as error:
            absent = SourceAbsent.of(error, directory)
            if absent.absent.absence is Absence.VANISHED:
                return []
            raise absent from error

    def _at(self, path: str) -> Path:
        return below(self._root, Path("/", path))
