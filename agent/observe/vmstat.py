"""Samples /proc/vmstat oom_kill: the count that every book is checked against."""

from __future__ import annotations

from agent.host.vmstat import VmStat
from agent.model.evidence import VmstatSeen

NAME = "vmstat"


class VmstatSampler:
    """Owns the descriptor."""

    def __init__(self, vmstat: VmStat) -> None:
        self._vmstat = vmstat
        self.records = 0

    def sample(self) -> VmstatSeen:
        """The node's count now. Raises SourceAbsent, ParseError."""
        oom_kill = self._vmstat.oom_kill()
        self.records += 1
        return VmstatSeen(oom_kill=oom_kill)

    def close(self) -> None:
        self._vmstat.close()
