"""Which errno means which absence."""

from __future__ import annotations

import errno
import os

import pytest

from agent.host.absence import SourceAbsent, absence_of, absent_on_error
from agent.model.absence import Absence, Absent


@pytest.mark.parametrize(
    ("number", "absence"),
    [
        (errno.ENOENT, Absence.VANISHED),
        (errno.ENODEV, Absence.VANISHED),
        (errno.ESRCH, Absence.VANISHED),
        (errno.EOPNOTSUPP, Absence.UNSUPPORTED),
        (errno.ENOTSUP, Absence.UNSUPPORTED),
        (errno.ENOSYS, Absence.UNSUPPORTED),
        (errno.EACCES, Absence.DENIED),
        (errno.EPERM, Absence.DENIED),
        (errno.EIO, Absence.FAILED),
        (errno.EBUSY, Absence.FAILED),
        (errno.ENOSPC, Absence.FAILED),
    ],
)
def test_errno_has_one_name(number: int, absence: Absence) -> None:
    """Each errno is one of four absences; what is not listed has FAILED."""
    assert absence_of(OSError(number, os.strerror(number))) is absence


def test_error_without_errno_failed() -> None:
    """An OSError of Python's own making says nothing about the host."""
    assert absence_of(OSError("strange")) is Absence.FAILED


def test_words() -> None:
    """The absence says what was tried, what the kernel said, and what to do."""
    error = PermissionError(errno.EPERM, "whatever")
    absent = SourceAbsent.of(error, "/dev/kmsg", "run it as root")
    assert absent.absent == Absent(
        absence=Absence.DENIED, detail="/dev/kmsg: Operation not permitted; run it as root"
    )
    assert str(absent) == absent.absent.detail


def test_block_keeps_the_cause() -> None:
    """An OSError in the block comes out as SourceAbsent, with the error as its cause."""
    with pytest.raises(SourceAbsent) as raised, absent_on_error("a thing"):
        raise FileNotFoundError(errno.ENOENT, "no")
    assert raised.value.absent.absence is Absence.VANISHED
    assert isinstance(raised.value.__cause__, FileNotFoundError)
