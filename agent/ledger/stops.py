"""Why the runtime stopped a container, as far as it can be told from what happened next.

A container that comes again while its pod lives on was restarted, by the kubelet after a failed
probe mostly; one whose sandbox goes too went with its pod: evicted, if an eviction threshold was
crossed then, else deleted.
"""

from __future__ import annotations

from collections import OrderedDict

from agent.ledger.cases import Case
from agent.model.exits import ContainerDeath, StopReason, Verdict

BY_RUNTIME = (Verdict.KILLED_BY_RUNTIME, Verdict.STOPPED_BY_RUNTIME, Verdict.GRACE_EXCEEDED)
WAIT_NS = 660_000_000_000
"""The kubelet's longest back-off before it starts a container again is 300 s; and as much more."""
BEFORE_NS = 5_000_000_000
"""The end of a sandbox can be heard of before that of its containers."""
CROSSED_NS = 60_000_000_000
"""The kubelet looks every ten seconds, and gives an evicted pod some grace."""
MAX_PODS = 4096


class Stops:
    """Remembers which pods went, and when a threshold was crossed last."""

    def __init__(self) -> None:
        self._gone: OrderedDict[str, int] = OrderedDict()  # by pod uid
        self._crossed_ns: int | None = None

    def pod_gone(self, pod_uid: str, now_ns: int) -> None:
        """The sandbox of this pod ended, or its cgroup."""
        self._gone[pod_uid] = now_ns
        self._gone.move_to_end(pod_uid)
        while len(self._gone) > MAX_PODS:
            self._gone.popitem(last=False)

    def crossed(self, now_ns: int) -> None:
        """An eviction threshold is crossed."""
        self._crossed_ns = now_ns

    def reason(self, case: Case, death: ContainerDeath, now_ns: int) -> StopReason:
        """Why it was stopped; UNKNOWN may still become known."""
        if death.verdict not in BY_RUNTIME:
            return StopReason.NONE
        if case.entry is not None and case.entry.stop_reason in _DECIDED:
            return case.entry.stop_reason
        if case.came_again:
            return StopReason.RESTART
        gone_ns = self._gone.get(case.names.pod_uid)
        if gone_ns is None or gone_ns < case.opened_ns - BEFORE_NS:
            return StopReason.UNKNOWN
        crossed = self._crossed_ns
        if crossed is not None and crossed >= case.opened_ns - CROSSED_NS:
            return StopReason.EVICTION
        return StopReason.DELETION

    def waits(self, case: Case, now_ns: int) -> bool:
        """Whether the reason of this one is still to come."""
        entry = case.entry
        return (
            entry is not None
            and entry.verdict in BY_RUNTIME
            and entry.stop_reason not in _DECIDED
            and now_ns - case.opened_ns < WAIT_NS
        )


_DECIDED = (StopReason.RESTART, StopReason.EVICTION, StopReason.DELETION)
