"""What became of a container: the answer to the ledger's question after a kill, from the
kernel alone.
"""

from __future__ import annotations

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import ticks_to_ns
from agent.host.proc import ProcReader
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import CgroupPlace


def init_alive(
    fs: CgroupFs,
    proc: ProcReader,
    place: CgroupPlace,
    *,
    killed_boottime_ns: int,
    watched: bool,
    known_init: tuple[int, int] | None,
) -> tuple[bool | None, int | None]:
    """Whether the container's init outlived the kill, and its pid; None: not proven either way.

    `known_init` is (pid, start time) if it was seen before. If we watched, or if all of it was
    killed (`watched`), a container that is gone or empty now died of this; if not, it may have died
    of anything since.
    """
    gone = False if watched else None
    try:
        pids = fs.procs(place.container_path)
        populated = bool(pids) or fs.populated(place.container_path)
    except SourceAbsent as error:
        return (gone if error.absent.absence is Absence.VANISHED else None), None
    except ParseError:
        return None, None
    try:
        if known_init is not None:
            pid, start_ns = known_init
            alive = proc.alive(pid, start_ns)
            return (alive if alive or watched else None), pid
        if not populated:
            return gone, None
        init = proc.init_of(pids)
    except (SourceAbsent, ParseError):
        return None, None if known_init is None else known_init[0]
    if init is None:
        return None, None  # it shares its pid namespace: whose init it is cannot be told from here
    started = start_of(proc, init)
    return (True if started is not None and started <= killed_boottime_ns else None), init


def start_of(proc: ProcReader, pid: int) -> int | None:
    """When a process started, CLOCK_BOOTTIME in ns; None if it is gone."""
    try:
        return ticks_to_ns(proc.stat(pid).start_ticks)
    except (SourceAbsent, ParseError):
        return None
