"""Which agent a trace instance belongs to: its owner holds flock(2) on the instance's directory

tracefs has one superblock, so a lock on a directory of it is seen by all agents of the host,
whatever containers they run in and wherever they mounted it. The kernel releases the lock with its
holder, however that ends; the instance stays, and whoever starts next removes it as stale.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Collection, Iterator

from agent.host.absence import SourceAbsent
from agent.host.trace_instance import TraceInstance, list_instances, remove_instance
from agent.host.tracefs import Tracefs
from agent.model.absence import Absence

OWN_ATTEMPTS = 5


def owned(make: Callable[[], TraceInstance]) -> TraceInstance:
    """An instance that is made by `make` and owned. Raises SourceAbsent.

    Between the making and the owning another agent that starts in the same instant can take it for
    stale; each attempt of ours waits in mkdir(2) until the kernel has done with that one's rmdir.
    """
    for attempts_left in reversed(range(OWN_ATTEMPTS)):
        try:
            instance = make()
        except SourceAbsent as error:
            if not attempts_left or error.absent.absence is not Absence.VANISHED:
                raise
            continue
        try:
            instance.own()
        except SourceAbsent:
            instance.close()
            if not attempts_left:
                raise
        else:
            return instance
    raise AssertionError("the last attempt returns or raises")


def remove_stale_instances(tracefs: Tracefs, prefix: str, keep: Collection[str]) -> list[str]:
    """Remove the instances of this prefix that nobody owns, but for `keep`; returns their names.

    An agent that lives owns its instances (`TraceInstance.own`), and reads its trace_pipe, which
    the kernel gives to one reader only.
    """
    removed = []
    for name in list_instances(tracefs, prefix):
        if name in keep:
            continue
        with contextlib.suppress(SourceAbsent, OSError), _lock(tracefs, name):
            if not _is_read(tracefs, name):
                remove_instance(tracefs, name)
                removed.append(name)
    return removed


@contextlib.contextmanager
def _lock(tracefs: Tracefs, name: str) -> Iterator[None]:
    """Own it for the time of its removal. Raises OSError (EWOULDBLOCK) if another does."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    fd = os.open(f"instances/{name}", flags, dir_fd=tracefs.fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)


def _is_read(tracefs: Tracefs, name: str) -> bool:
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        os.close(os.open(f"instances/{name}/trace_pipe", flags, dir_fd=tracefs.fd))
    except OSError as error:
        return error.errno == errno.EBUSY
    return False
