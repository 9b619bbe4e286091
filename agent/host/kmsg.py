"""/dev/kmsg, one record a read

    6,429,4831635891,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,...

A record is opened at the oldest still in the ring, so that what was printed before we came is read
too. A reader that is overtaken gets EPIPE once and goes on at the oldest record left; how many were
lost, only the jump of the sequence number tells.

https://docs.kernel.org/admin-guide/abi-testing.html (Documentation/ABI/testing/dev-kmsg)
"""

from __future__ import annotations

import enum
import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.host.absence import SourceAbsent

# CONSOLE_EXT_LOG_MAX, later PRINTK_MESSAGE_MAX (2048), kernel/printk/internal.h: no record is
# longer than the larger of the two.
_RECORD_MAX = 8192


class KmsgOverrun(enum.Enum):
    """Records are lost; the next record's sequence number tells how many."""

    OVERTAKEN = "EPIPE"  # the ring went round before we read
    TOO_LONG = "EINVAL"  # one record did not fit our buffer; the kernel has skipped it


class KmsgReader:
    """A reader of the kernel's log with a position of its own; it takes nothing from others."""

    def __init__(self, path: str | Path = "/dev/kmsg") -> None:
        """Open at the oldest record. Raises SourceAbsent."""
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            advice = "kernel.dmesg_restrict=1 asks for CAP_SYSLOG"
            raise SourceAbsent.of(error, path, advice) from error
        self._path = path
        try:
            os.lseek(self._fd, 0, os.SEEK_SET)  # "seek to the first entry in the buffer"
        except OSError as error:
            self.close()
            raise SourceAbsent.of(error, path) from error

    def fileno(self) -> int:
        """Readable (EPOLLIN) while a record is waiting; EPOLLERR and EPOLLPRI after an overrun."""
        return self._fd

    def read(self) -> bytes | KmsgOverrun | None:
        """The next record, newline included; None: none is waiting. Raises SourceAbsent."""
        try:
            return os.read(self._fd, _RECORD_MAX) or None
        except BlockingIOError:
            return None
        except BrokenPipeError:
            return KmsgOverrun.OVERTAKEN
        except OSError as error:
            if error.errno == errno.EINVAL:
                return KmsgOverrun.TOO_LONG
            raise SourceAbsent.of(error, self._path) from error

    def read_batch(self, limit: int = 256) -> list[bytes | KmsgOverrun]:
        """Up to `limit` records in order; a full batch means that more may be waiting."""
        batch: list[bytes | KmsgOverrun] = []
        while len(batch) < limit and (record := self.read()) is not None:
            batch.append(record)
        return batch

    def close(self) -> None:
        """Close the device; harmless when repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
