"""A clock that stands, and a procfs that tells what it was asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.model.process import ProcessCapture
from tests.ledger.kernel import captured


@dataclass
class FakeClock:
    now_ns: int = 0
    slept_ns: int = 0

    def boottime_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.now_ns

    def suspended_ns(self) -> int:
        return self.slept_ns


@dataclass
class FakeProc:
    asked: list[tuple[int, int]] = field(default_factory=list)

    def capture(self, pid: int, *, not_after_boottime_ns: int) -> ProcessCapture | None:
        self.asked.append((pid, not_after_boottime_ns))
        return captured(pid)
