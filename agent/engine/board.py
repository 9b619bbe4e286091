"""The health of every source, as it is published. Absent never reads as broken, unknown never as
healthy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from agent.host.clock import Clock
from agent.model.absence import Absence, Absent
from agent.model.event import SourceChange
from agent.model.source import SourceHealth, SourceState

TELLS = {
    "vmstat": ("how many processes the OOM killer has killed on this node", True),
    "memory.events": ("which cgroup's limit fired, and counts that outlive a container", True),
    "kmsg": ("pid, name and memory of each victim, and its cgroup", False),
    "trace": ("each victim before it is reaped, and kills while kmsg is overrun", False),
    "probe": ("the cgroup of each victim and the limit that fired, from the kernel itself", False),
    "recorder": (
        "whose a victim was when it and its cgroup are gone; kills across restarts",
        False,
    ),
    "signals": ("who sent a fatal signal, or one to stop a container", False),
    "connector": ("with which code or by which signal a process ended", False),
    "cri": ("pod and container names, and what the runtime says of a death", False),
    "bundle": ("pod and container names while the runtime is silent", False),
    "pod-logs": ("pod names when neither the runtime nor its bundles tell", False),
    "tasks": (
        "which tasks remain of a container that was asked to die, and why",
        False,
    ),
    "cni": ("each call of a CNI plugin: whose it is, how long it takes, how it ends", False),
    "cni-config": ("which CNI configuration the runtime loads, and why it does not", False),
    "namespaces": ("which namespaces containers share, and which namespaces nobody uses", False),
    "netlink": ("the network path of each pod: interfaces, addresses, routes, NAT", False),
    "links": ("at once, and not only at the next look, that an interface has changed", False),
    "connections": (
        "whether the kubelet's heartbeat gets out, and whom the API server dials in vain",
        False,
    ),
    "dials": ("which connections of the kubelet and of the API server are refused", False),
    "plumbing": ("what the node's own network drops, and who changes its packet filter", False),
    "fabric": ("the node's overlay devices, and who has made its routes", False),
    "runtime": (
        "whether the container runtime answers, and which rung of its ladder does not",
        False,
    ),
    "pulls": ("which images' blobs containerd pulls, and what holds one up", False),
    "healthz": ("whether the kubelet's process lives, and whether it answers", False),
    "disks": ("how fast block devices answer, and which of them ends no request", False),
    "blocked": (
        "which tasks of the node are in state D, where they wait, and whose they are",
        False,
    ),
    "usage": ("memory, CPU, io and pressure of each container, pod and service", False),
    "node-memory": ("memory.available, in the kubelet's own arithmetic", False),
    "pressure": (
        "how long tasks of the node and of kubepods wait for memory, disks, CPUs",
        False,
    ),
    "cpu": ("where the CPUs' time goes, and how many tasks wait for one", False),
    "kubelet": ("the kubelet's eviction thresholds, its root directory and its version", False),
    "filesystems": ("room and inodes in nodefs and imagefs", False),
}
"""What each source tells, which is what the agent cannot know without it; and whether detection
needs it.
"""

ON_DEMAND = {
    "node-object": "what the API server believes of this node, and when it last heard of it",
}
"""The same of what has no row unless it is switched on; detection does without."""

_STATES = {
    Absence.VANISHED: SourceState.ABSENT,
    Absence.UNSUPPORTED: SourceState.ABSENT,
    Absence.DENIED: SourceState.DOWN,
    Absence.FAILED: SourceState.DOWN,
}


class SourceBoard:
    """One row per source of TELLS, all absent until told otherwise."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.on_change: Callable[[SourceChange], None] = lambda change: None
        self._rows = {
            name: self._row(name, tells, required=required)
            for name, (tells, required) in TELLS.items()
        }

    def add(self, name: str, tells: str) -> None:
        """One more row, of what only some configurations have; detection does without."""
        self._rows[name] = self._row(name, tells, required=False)

    def up(self, name: str, detail: str = "") -> None:
        """The source sees."""
        self._turn(name, SourceState.UP, None, detail)

    def absent(self, name: str, absent: Absent, *, for_ns: int = 0) -> None:
        """The source is not there, or broken: its absence decides which. `for_ns`: for how long it
        has been so already.
        """
        self._turn(name, _STATES[absent.absence], absent.absence, absent.detail, for_ns)

    def hear(self, name: str, absent: Absent | None) -> None:
        """What a part says of its own source: None, or why it does not tell."""
        if absent is None:
            self.up(name)
        else:
            self.absent(name, absent)

    def off(self, name: str, detail: str) -> None:
        """The source is switched off by the configuration."""
        self._turn(name, SourceState.ABSENT, Absence.UNSUPPORTED, detail)

    def count(self, name: str, records: int) -> None:
        """How many records the source has read since the agent started."""
        self._rows[name] = replace(self._rows[name], records=records)

    def lost(self, name: str, records: int) -> None:
        """So many more records are known to be lost."""
        row = self._rows[name]
        self._rows[name] = replace(row, lost=row.lost + records)

    def is_up(self, name: str) -> bool:
        """Whether the source sees now."""
        return self._rows[name].state is SourceState.UP

    def detail(self, name: str) -> str:
        """What its row says of its state."""
        return self._rows[name].detail

    def why_blind(self, sources: Iterable[str]) -> str | None:
        """Which of these does not see, and why, in words; None if all do.

        "kmsg|trace" sees while one of the two does.
        """
        for each in sources:
            rows = [self._rows.get(name) for name in each.split("|")]
            if not any(row is not None and row.state is SourceState.UP for row in rows):
                told = [
                    f"{name} is {_blindness(row)}"
                    for name, row in zip(each.split("|"), rows, strict=True)
                ]
                return "; ".join(told)
        return None

    def health(self) -> tuple[SourceHealth, ...]:
        """All rows."""
        return tuple(self._rows.values())

    def _row(self, name: str, tells: str, *, required: bool) -> SourceHealth:
        return SourceHealth(
            name=name,
            tells=tells,
            required=required,
            state=SourceState.ABSENT,
            since_wall_ns=self.clock.wall_ns(),
            absence=Absence.UNSUPPORTED,
            detail="not opened yet",
        )

    def _turn(
        self,
        name: str,
        state: SourceState,
        absence: Absence | None,
        detail: str,
        for_ns: int = 0,
    ) -> None:
        row = self._rows.get(name) or self._row(name, "a part of the agent itself", required=True)
        changed = row.state is not state
        since = self.clock.wall_ns() - for_ns if changed else row.since_wall_ns
        self._rows[name] = replace(
            row, state=state, absence=absence, detail=detail, since_wall_ns=since
        )
        if changed:
            self.on_change(SourceChange(source=name, up=state is SourceState.UP, detail=detail))


def _blindness(row: SourceHealth | None) -> str:
    if row is None:
        return "not known to the agent"
    return f"{row.state.value}: {row.detail}".removesuffix(": ")
