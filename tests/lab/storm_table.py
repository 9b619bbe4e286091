"""The table of the storms: who knows how many of the kernel's kills. The README quotes one run."""

from collections.abc import Sequence
from dataclasses import dataclass

HEADS = (
    "storm",
    "kernel",
    "nodewitness",
    "exact",
    "containerd",
    "leaf notified",
    "leaf 10 s",
)


# Each storm that the lab makes, and how many it kills.
STORMS = {
    "one after the other, probe": 500,
    "agent killed meanwhile, probe": 500,
    "agent killed meanwhile, recorder": 500,
    "4 at a time, no trace": 200,
    "4 at a time, whole groups, probe": 510,
    "20 containers at their start": 20,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StormRow:
    """One storm, in killed processes."""

    storm: str
    kernel: int
    """/proc/vmstat oom_kill, without what it counted twice."""
    with_pod: int
    """Booked by the agent, each with its pod."""
    exact: int
    """Of those, on the very cgroup that the process was in."""
    containerd: int | None
    """Reported as OOMKilled by the runtime; None: it does not know of the cgroups."""
    notified: int
    """What a reader of the leaves' own memory.events sees that inotify wakes at each change."""
    polled: int
    """What one sees that reads them every 10 s."""


def table(rows: Sequence[StormRow]) -> list[str]:
    """The lines of the table: heads, then a line for each storm, under 100 columns."""
    width = max(len(HEADS[0]), *(len(row.storm) for row in rows))
    lines = ["  ".join((HEADS[0].upper().ljust(width), *(head.upper() for head in HEADS[1:])))]
    for row in rows:
        words = (
            str(row.kernel),
            str(row.with_pod),
            str(row.exact),
            "-" if row.containerd is None else str(row.containerd),
            str(row.notified),
            str(row.polled),
        )
        cells = (word.rjust(len(head)) for word, head in zip(words, HEADS[1:], strict=True))
        lines.append("  ".join((row.storm.ljust(width), *cells)))
    return lines


def parse_table(lines: Sequence[str]) -> list[StormRow]:
    """The rows of a quoted table; ValueError if it is not one that `table` writes."""
    rows = []
    for line in lines[1:]:
        *words, kernel, with_pod, exact, containerd, notified, polled = line.split()
        rows.append(
            StormRow(
                storm=" ".join(words),
                kernel=int(kernel),
                with_pod=int(with_pod),
                exact=int(exact),
                containerd=None if containerd == "-" else int(containerd),
                notified=int(notified),
                polled=int(polled),
            )
        )
    if not rows or table(rows) != list(lines):
        raise ValueError(f"not a table of storms: {lines}")
    return rows
