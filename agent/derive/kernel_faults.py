"""What the kernel's log says of disks and tasks, summed up: bounded, each line once."""

from __future__ import annotations

from msgspec.structs import replace

from agent.model.evidence import FaultSeen
from agent.model.faults import BROKEN, FaultKind, FaultReport, FaultSum, KernelFault

MAX_SUMS = 128
"""Stories; the one whose last line is the oldest goes first."""
MAX_DEVICES = 64
"""With counts of their own."""
OTHERS = "others"

_Key = tuple[FaultKind, str, str, int | None]


class KernelFaults:
    """A fold over the lines of one boot, in order."""

    def __init__(self) -> None:
        self._through = -1
        self._sums: dict[_Key, FaultSum] = {}
        self._counts: dict[tuple[FaultKind, str], int] = {}
        self._devices: set[str] = set()
        self._report: FaultReport | None = None

    def take(self, seen: FaultSeen) -> None:
        """A line that is told again (the log was opened anew) is passed over."""
        if seen.sequence <= self._through:
            return
        self._through = seen.sequence
        self._report = None
        fault = seen.fault
        if fault.kind is FaultKind.MOUNTED:
            for kind in BROKEN:
                self._sums.pop((kind, fault.device, "", None), None)
            return
        self._count(fault)
        key = _key(fault)
        last = self._sums.pop(key, None)  # the newest stands last
        if last is None:
            at = seen.boottime_ns
            self._sums[key] = FaultSum(
                count=1, first_boottime_ns=at, last_boottime_ns=at, last=fault
            )
        else:
            self._sums[key] = replace(
                last, count=last.count + 1, last_boottime_ns=seen.boottime_ns, last=fault
            )
        if len(self._sums) > MAX_SUMS:
            del self._sums[next(iter(self._sums))]

    def report(self) -> FaultReport:
        """As of the last line."""
        if self._report is None:
            self._report = FaultReport(
                sums=tuple(reversed(self._sums.values())),
                counts=tuple((*key, count) for key, count in self._counts.items()),
            )
        return self._report

    def _count(self, fault: KernelFault) -> None:
        device = fault.device
        if device and device not in self._devices:
            if len(self._devices) < MAX_DEVICES:
                self._devices.add(device)
            else:
                device = OTHERS
        key = fault.kind, device
        self._counts[key] = self._counts.get(key, 0) + 1


def _key(fault: KernelFault) -> _Key:
    """Of a device one story a kind; of tasks and CPUs one for each task."""
    if fault.device:
        return fault.kind, fault.device, "", None
    return fault.kind, "", fault.comm, fault.pid
