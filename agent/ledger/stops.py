"""Why the runtime stopped a container, as far as it can be told from what happened next.

A container that comes again while its pod lives on was restarted, by the kubelet after a failed
probe mostly; in a new sandbox too, for the kubelet replaces one that is broken. One whose sandbox
goes, or whose pod's cgroup, went with its pod: evicted, if an eviction threshold was crossed then,
else deleted. A sandbox alone is not the last word: only the pod's cgroup is.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from agent.ledger.cases import Case
from agent.model.exits import ContainerDeath, StopReason, Verdict

BY_RUNTIME = (Verdict.KILLED_BY_RUNTIME, Verdict.STOPPED_BY_RUNTIME, Verdict.GRACE_EXCEEDED)
WAIT_NS = 660_000_000_000
"""The kubelet's longest back-off before it starts a container again is 300 s; and as much more."""
BEFORE_NS = 5_000_000_000
"""The end of a sandbox can be heard of before that of its containers."""
AFTER_NS = 120_000_000_000
"""The kubelet stops the sandbox when the last container has ended, within its grace. A pod that
goes later goes for a reason of its own.
"""
CROSSED_NS = 60_000_000_000
"""The kubelet looks every ten seconds, and gives an evicted pod some grace."""
GAP_NS = 15_000_000_000
"""Of looks at the thresholds that say the same."""
MAX_PODS = 4096
MAX_CROSSINGS = 64


class Stops:
    """Remembers which pods went, and when thresholds were crossed."""

    def __init__(self) -> None:
        self._gone: OrderedDict[str, int] = OrderedDict()  # by pod uid, the sandbox or all of it
        self._removed: OrderedDict[str, None] = OrderedDict()  # pods whose cgroup is gone
        self._crossed: deque[tuple[int, int]] = deque(maxlen=MAX_CROSSINGS)  # from, until

    def sandbox_gone(self, pod_uid: str, now_ns: int) -> None:
        """The sandbox of this pod ended."""
        self._gone[pod_uid] = now_ns
        self._gone.move_to_end(pod_uid)
        while len(self._gone) > MAX_PODS:
            self._gone.popitem(last=False)

    def pod_gone(self, pod_uid: str, now_ns: int) -> None:
        """The cgroup of this pod is gone."""
        before_ns = self._gone.get(pod_uid)
        if before_ns is None or before_ns < now_ns - AFTER_NS:  # else its sandbox went first
            self.sandbox_gone(pod_uid, now_ns)
        self._removed[pod_uid] = None
        while len(self._removed) > MAX_PODS:
            self._removed.popitem(last=False)

    def crossed(self, now_ns: int) -> None:
        """An eviction threshold is crossed."""
        if self._crossed and now_ns - self._crossed[-1][1] <= GAP_NS:
            since_ns, _ = self._crossed.pop()
            self._crossed.append((since_ns, now_ns))
        else:
            self._crossed.append((now_ns, now_ns))

    def reason(self, case: Case, death: ContainerDeath) -> StopReason:
        """Why it was stopped; what is not decided may still become another."""
        if death.verdict not in BY_RUNTIME:
            return StopReason.NONE
        if case.came_again:
            return StopReason.RESTART
        told = StopReason.UNKNOWN if case.entry is None else case.entry.stop_reason
        if told in (StopReason.RESTART, *_WITH_ITS_POD):
            return told
        gone_ns = self._gone.get(case.names.pod_uid)
        opened_ns = case.opened_ns
        if gone_ns is None or not opened_ns - BEFORE_NS <= gone_ns <= opened_ns + AFTER_NS:
            return StopReason.UNKNOWN
        since_ns, until_ns = opened_ns - CROSSED_NS, opened_ns + BEFORE_NS
        if any(first <= until_ns and last >= since_ns for first, last in self._crossed):
            return StopReason.EVICTION
        return StopReason.DELETION

    def waits(self, case: Case, now_ns: int) -> bool:
        """Whether the reason of this one is still to come."""
        entry = case.entry
        return (
            entry is not None
            and entry.verdict in BY_RUNTIME
            and not self._decided(case, entry.stop_reason)
            and now_ns - case.opened_ns < WAIT_NS
        )

    def _decided(self, case: Case, reason: StopReason) -> bool:
        if reason in _WITH_ITS_POD:
            return case.names.pod_uid in self._removed
        return reason is StopReason.RESTART


_WITH_ITS_POD = (StopReason.EVICTION, StopReason.DELETION)
