"""A trigger of the kernel's pressure stall information: it wakes us, nothing is polled for

    some 150000 1000000

written to a pressure file asks for POLLPRI, once a window at most, when some task was stalled for
150 ms within one second. The trigger lives as long as the descriptor.

Without CAP_SYS_RESOURCE: Linux 6.5 and later (d82caa273565; stable 6.1 too) accept multiples of
2 s as windows; earlier ones refuse to open the file for writing (EPERM).

Polling takes the event away (cmpxchg in psi_trigger_poll), and an event loop that waits for a
nested epoll polls through it. So each trigger has an epoll of its own, for asyncio knows no
EPOLLPRI, and that this one is readable is the whole message.

https://docs.kernel.org/accounting/psi.html#monitoring-for-pressure-thresholds
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable

from agent.host.absence import SourceAbsent
from agent.model.absence import Absence

UNPRIVILEGED_US = 2_000_000
_PAGE = 4096
_NEEDS = "CAP_SYS_RESOURCE is missing"


class PsiTrigger:
    """Owns the pressure file and the epoll in front of it."""

    def __init__(self, open_file: Callable[[int], int], *, stall_us: int, window_us: int) -> None:
        """Raises SourceAbsent; DENIED without CAP_SYS_RESOURCE on an older Linux.

        `window_us` may become longer than asked for, and `stall_us` with it; `detail` says why.
        """
        self.stall_us, self.window_us, self.detail = stall_us, window_us, ""
        try:
            self._fd = open_file(os.O_RDWR | os.O_NONBLOCK)
        except SourceAbsent as error:
            if error.absent.absence is Absence.DENIED:
                detail = f"{error.absent.detail}; {_NEEDS}, and this kernel wants it for any window"
                raise SourceAbsent(Absence.DENIED, detail) from error
            raise
        try:
            self._arm()
            self._epoll = select.epoll()
            self._epoll.register(self._fd, select.EPOLLPRI)
        except BaseException:
            os.close(self._fd)
            raise

    def fileno(self) -> int:
        """Readable when the trigger has fired."""
        return self._epoll.fileno()

    def read(self) -> bytes:
        """The pressure file, by the trigger's own descriptor: of this very cgroup.

        Raises SourceAbsent: VANISHED once the cgroup is removed.
        """
        try:
            return os.pread(self._fd, _PAGE, 0)
        except OSError as error:
            raise SourceAbsent.of(error, "a pressure file") from error

    def broken(self) -> bool:
        """Whether the kernel says that it will not fire any more, and would say so for ever."""
        try:
            return any(mask & select.EPOLLERR for _, mask in self._epoll.poll(0))
        except OSError as error:
            raise SourceAbsent.of(error, "poll a pressure file") from error

    def close(self) -> None:
        """Disarm it."""
        self._epoll.close()
        os.close(self._fd)

    def _arm(self) -> None:
        try:
            self._write()
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EPERM):
                raise SourceAbsent.of(error, "arm a pressure trigger") from error
            asked_us = self.window_us
            self.window_us = -(-asked_us // UNPRIVILEGED_US) * UNPRIVILEGED_US
            if self.window_us == asked_us:
                raise SourceAbsent.of(error, "arm a pressure trigger") from error
            self.stall_us = self.stall_us * self.window_us // asked_us
            self.detail = (
                f"a window of {self.window_us // 1_000_000} s instead of {asked_us / 1e6:g} s, "
                f"for {_NEEDS}"
            )
            try:
                self._write()
            except OSError as second:
                raise SourceAbsent.of(second, "arm a pressure trigger", _NEEDS) from second

    def _write(self) -> None:
        os.write(self._fd, b"some %d %d\0" % (self.stall_us, self.window_us))
