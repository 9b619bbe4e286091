"""Names of scratch cgroups: /nodewitness-drill-NONCE, and what NONCE says about who made it.

    nodewitness-drill- f0000002 000012ab 00000054c1d2 9e3f
                       pid namespace, pid and start (ticks since boot) of the creator, random

All hexadecimal and of fixed width. A scratch cgroup whose creator is gone is left over from a
drill that was killed, and the next drill removes it.
"""

from __future__ import annotations

import os
import re
import secrets

from msgspec import Struct

PREFIX = "nodewitness-drill-"
_NAME = re.compile(PREFIX + r"([0-9a-f]{8})([0-9a-f]{8})([0-9a-f]{12})[0-9a-f]{4}")
_TICKS = os.sysconf("SC_CLK_TCK")
# No drill lasts so long; decides where a creator in another pid namespace cannot be looked up.
_LONGEST_SECONDS = 3600


class Creator(Struct, frozen=True, kw_only=True):
    """A process as its drill's cgroup names it."""

    pid_namespace: int  # inode
    pid: int  # in that namespace
    start_ticks: int

    @classmethod
    def me(cls) -> Creator:
        """This process."""
        pid = os.getpid()
        return cls(pid_namespace=_own_namespace(), pid=pid, start_ticks=_start_ticks(pid) or 0)

    def gone(self, boottime_ns: int) -> bool:
        """Whether it has ended, as far as can be known: in doubt it has not."""
        if self.pid_namespace == _own_namespace():
            return _start_ticks(self.pid) != self.start_ticks
        return boottime_ns // 1_000_000_000 - self.start_ticks // _TICKS > _LONGEST_SECONDS


def scratch_name(creator: Creator) -> str:
    """A new name, without the leading slash."""
    return (
        f"{PREFIX}{creator.pid_namespace & 0xFFFFFFFF:08x}{creator.pid:08x}"
        f"{creator.start_ticks:012x}{secrets.token_hex(2)}"
    )


def creator_of(name: str) -> Creator | None:
    """Who made the scratch cgroup of this name; None if the name is not one of ours."""
    match = _NAME.fullmatch(name)
    if not match:
        return None
    namespace, pid, ticks = (int(group, 16) for group in match.groups())
    return Creator(pid_namespace=namespace, pid=pid, start_ticks=ticks)


def _own_namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino & 0xFFFFFFFF


def _start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat; None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    # The name, in parentheses, may hold spaces and parentheses: the fields begin after the last
    # one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return int(fields[19])
