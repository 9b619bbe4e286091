"""The open cases, by all that evidence can name them by: what concerns one never looks at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TypeVar

from agent.ledger.cases import Case

MAX_CASES = 4096

_Name = tuple[str, str]  # pod uid, container
_Key = TypeVar("_Key")


class Docket:
    """At most `MAX_CASES`; of more the oldest is closed as it is."""

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}
        self._filed: dict[str, tuple[_Name, int | None]] = {}  # under what a case is found
        self._by_pod: defaultdict[str, dict[str, Case]] = defaultdict(dict)
        self._by_name: defaultdict[_Name, dict[str, Case]] = defaultdict(dict)
        self._by_init: dict[int, Case] = {}
        self._changed: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._cases)

    def __contains__(self, container_id: str) -> bool:
        return container_id in self._cases

    def __iter__(self) -> Iterator[Case]:
        """Those that are open now, oldest first; they may be closed meanwhile."""
        return iter(tuple(self._cases.values()))

    def get(self, container_id: str) -> Case | None:
        """The case of this container."""
        return self._cases.get(container_id)

    def of_init(self, pid: int) -> Case | None:
        """The case of the container whose init this was."""
        return self._by_init.get(pid)

    def of_pod(self, pod_uid: str) -> tuple[Case, ...]:
        """All of a pod."""
        return tuple(self._by_pod.get(pod_uid, {}).values())

    def of_name(self, pod_uid: str, name: str) -> tuple[Case, ...]:
        """All that had this name in this pod, one after the other."""
        return tuple(self._by_name.get((pod_uid, name), {}).values())

    def add(self, case: Case) -> Case | None:
        """Open a case, in the place of one of the same container; returns the one that had to make
        room.
        """
        self._cases[case.place.container_id] = case
        self.file(case)
        if len(self._cases) <= MAX_CASES:
            return None
        oldest = next(iter(self._cases.values()))
        self.drop(oldest)
        return oldest

    def file(self, case: Case) -> None:
        """Its names or its init may be others than before."""
        container_id, names = case.place.container_id, case.names
        key = (names.pod_uid or case.place.pod_uid, names.name), case.init_pid
        if self._filed.get(container_id) == key:
            return
        self._unfile(container_id)
        self._filed[container_id] = key
        (pod_uid, _), init_pid = key
        self._by_pod[pod_uid][container_id] = case
        self._by_name[key[0]][container_id] = case
        if init_pid is not None:
            self._by_init[init_pid] = case

    def drop(self, case: Case) -> None:
        """Close it."""
        container_id = case.place.container_id
        self._cases.pop(container_id, None)
        self._changed.pop(container_id, None)
        self._unfile(container_id)

    def touch(self, case: Case) -> None:
        """There is something new about it."""
        self._changed[case.place.container_id] = None

    def changed(self) -> Iterator[Case]:
        """Those that were touched; each is taken off as it is given, those behind it stay."""
        for container_id in tuple(self._changed):
            self._changed.pop(container_id, None)
            case = self._cases.get(container_id)
            if case is not None:
                yield case

    def _unfile(self, container_id: str) -> None:
        filed = self._filed.pop(container_id, None)
        if filed is None:
            return
        name, init_pid = filed
        _take(self._by_pod, name[0], container_id)
        _take(self._by_name, name, container_id)
        if init_pid is not None:
            case = self._by_init.get(init_pid)
            if case is not None and case.place.container_id == container_id:
                del self._by_init[init_pid]


def _take(index: dict[_Key, dict[str, Case]], key: _Key, container_id: str) -> None:
    found = index[key]
    del found[container_id]
    if not found:
        del index[key]
