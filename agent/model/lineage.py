"""What the flight recorder tells of processes: whose child each one is, and who was moved where.

Tuples, for a busy node makes thousands of them a second. Times are microseconds of CLOCK_BOOTTIME;
pids are those of threads, as everywhere in the kernel.
"""

from __future__ import annotations

from typing import NamedTuple


class Forked(NamedTuple):
    """A thread or process was made."""

    timestamp_us: int
    parent: int  # the thread that called clone(2)
    child: int
    thread: bool  # a thread of the parent's own process (CLONE_THREAD)
    elsewhere: bool  # not in its parent's cgroup (CLONE_INTO_CGROUP): only a scan tells where


class Moved(NamedTuple):
    """A process was moved to another cgroup, with all its threads."""

    timestamp_us: int
    pid: int
    inode: int  # 0: a name in the line imitates its syntax, so that the cgroup cannot be told
    path: str  # as it was at that time, escaped (agent.parse.names); "" with inode 0


class Marked(NamedTuple):
    """The OOM killer chose this thread; the moment by the clock of the other events."""

    timestamp_us: int
    pid: int
