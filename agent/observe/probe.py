"""Keeps the probes in the kernel's OOM killer in the trace instance that the trace watcher reads.

What they tell comes with the events of agent.observe.trace; here is only whether they are there.
"""

from __future__ import annotations

from agent.host.absence import SourceAbsent
from agent.host.oom_probe import CALL_FUNCTION, KILL_FUNCTION, OOMProbes
from agent.host.tracefs import Tracefs
from agent.model.absence import Absence
from agent.model.evidence import Observation
from agent.observe.victims import Victims

NAME = "probe"
DETAIL = f"kprobes on {CALL_FUNCTION} and {KILL_FUNCTION}"


class ProbeWatcher:
    """Owns a tracefs. It has nothing to say by itself; `records` are the kills that were probed."""

    def __init__(
        self, tracefs: Tracefs, instance: str, probes: OOMProbes, victims: Victims
    ) -> None:
        """Define the probes and have the instance record them. Raises SourceAbsent."""
        self._tracefs = tracefs
        self._instance = instance
        self._probes = probes
        self._victims = victims
        self.records = victims.probed
        try:
            probes.record(tracefs, instance)
        except BaseException:
            tracefs.close()
            raise

    def fileno(self) -> int | None:
        """Nothing wakes us."""
        return None

    def observe(self) -> tuple[list[Observation], bool]:
        """Nothing: the trace watcher reads the events."""
        return [], False

    def tick(self) -> list[Observation]:
        """Look after the probes. Raises SourceAbsent when somebody has switched them off."""
        self.records = self._victims.probed
        if not self._probes.is_recorded(self._tracefs, self._instance):
            raise SourceAbsent(Absence.VANISHED, "somebody has switched the probes off")
        return []

    def close(self) -> None:
        """Let go of tracefs; the instance goes on recording them."""
        self._tracefs.close()
