"""What the kernel knows, read by other means than the agent's: counters and the ring, verbatim.

    6,587,73647858,-;oom-kill:constraint=CONSTRAINT_MEMCG,...,task=work,pid=1373,uid=0
    3,588,73648317,-;Memory cgroup out of memory: Killed process 1373 (work) total-vm:33764kB, ...

https://docs.kernel.org/core-api/printk-basics.html and Documentation/ABI/testing/dev-kmsg
"""

import re
from dataclasses import dataclass

from tests.lab.guest import Guest

KILLED = re.compile(r"Killed process (\d+) \((.*)\) total-vm:")
HEADER = re.compile(
    r"^oom-kill:constraint=(\w+),.*?,(?:oom_memcg=(.*?)|global_oom),task_memcg=(.*),task="
)
HEADER_PID = re.compile(r",pid=(\d+),uid=\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record of /dev/kmsg."""

    sequence: int
    facility: int
    """0 is the kernel; user space cannot write that."""
    level: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """A "Killed process" line of the kernel."""

    sequence: int
    pid: int
    comm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """An "oom-kill:" line of the kernel; rate limited, so it may be missing."""

    sequence: int
    constraint: str
    oom_memcg: str | None
    """Whose limit fired; None when it was the whole node."""
    task_memcg: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment to count from."""

    oom_kill: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What has happened since a mark."""

    counted: int
    """/proc/vmstat oom_kill; counts the first victim of a group kill twice on 6.1."""
    kills: tuple[Kill, ...]
    headers: tuple[Header, ...]
    forged: tuple[Record, ...]
    """Records of user space that read like an OOM kill."""

    @property
    def victims(self) -> frozenset[int]:
        """The pids of the killed processes, each once."""
        return frozenset(kill.pid for kill in self.kills)

    @property
    def repeats(self) -> int:
        """Kernel lines that name a process again."""
        return len(self.kills) - len(self.victims)


def oom_kill(guest: Guest) -> int:
    """/proc/vmstat's oom_kill."""
    for line in guest.read("/proc/vmstat").splitlines():
        key, _, value = line.partition(" ")
        if key == "oom_kill":
            return int(value)
    raise LookupError("no oom_kill in /proc/vmstat")


def kmsg(guest: Guest, after: int = -1) -> tuple[Record, ...]:
    """The kernel's ring as far as it is still held, after a sequence number."""
    records = []
    for line in guest.read("/dev/kmsg").split("\n"):
        prefix, semicolon, text = line.partition(";")
        if not semicolon or line.startswith(" "):  # " SUBSYSTEM=..." belongs to the record before
            continue
        priority, sequence = (int(word) for word in prefix.split(",")[:2])
        if sequence > after:
            facility, level = divmod(priority, 8)
            records.append(Record(sequence=sequence, facility=facility, level=level, text=text))
    return tuple(records)


def mark(guest: Guest) -> Mark:
    """Now."""
    records = kmsg(guest)
    return Mark(oom_kill=oom_kill(guest), sequence=records[-1].sequence if records else -1)


def books_since(guest: Guest, since: Mark) -> Books:
    """What the kernel has counted and said since a mark."""
    kills, headers, forged = [], [], []
    for record in kmsg(guest, since.sequence):
        killed, header = KILLED.search(record.text), HEADER.search(record.text)
        if not killed and not header:
            continue
        if record.facility != 0:
            forged.append(record)
        elif killed:
            pid, comm = int(killed[1]), killed[2]
            kills.append(Kill(sequence=record.sequence, pid=pid, comm=comm))
        elif header:
            headers.append(_header(record, header))
    return Books(
        counted=oom_kill(guest) - since.oom_kill,
        kills=tuple(kills),
        headers=tuple(headers),
        forged=tuple(forged),
    )


def _header(record: Record, match: re.Match[str]) -> Header:
    pid = HEADER_PID.search(record.text)
    if pid is None:
        raise ValueError(f"an oom-kill line without a pid: {record.text}")
    return Header(
        sequence=record.sequence,
        constraint=match[1],
        oom_memcg=match[2],
        task_memcg=match[3],
        pid=int(pid[1]),
    )
