"""Absence has four names, and this module alone decides which errno means which."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from agent.model.absence import Absence, Absent

_ADVICE = {
    errno.EMFILE: "the agent's open files are exhausted: raise its limit (ulimit -n, LimitNOFILE=)",
    errno.ENFILE: "the node's open files are exhausted: raise sysctl fs.file-max",
}

_NAMES = {
    errno.ENOENT: Absence.VANISHED,
    errno.ENODEV: Absence.VANISHED,
    errno.ESRCH: Absence.VANISHED,
    errno.EOPNOTSUPP: Absence.UNSUPPORTED,
    errno.ENOSYS: Absence.UNSUPPORTED,
    errno.EPROTONOSUPPORT: Absence.UNSUPPORTED,
    errno.EACCES: Absence.DENIED,
    errno.EPERM: Absence.DENIED,
}


def absence_of(error: OSError) -> Absence:
    """Which kind of absence an error of the operating system is."""
    if error.errno is None:
        return Absence.FAILED
    return _NAMES.get(error.errno, Absence.FAILED)


class SourceAbsent(Exception):  # noqa: N818 - a state of the host with a name, not only an error
    """A source, or the thing that it was asked for, is not there; `absent` says how and why."""

    def __init__(self, absence: Absence, detail: str) -> None:
        super().__init__(detail)
        self.absent = Absent(absence=absence, detail=detail)

    @classmethod
    def of(cls, error: OSError, what: object, advice: str = "") -> SourceAbsent:
        """The absence that `error` means; `what` was tried, `advice` is what to do about it."""
        advice = advice or _ADVICE.get(error.errno or 0, "")
        reason = os.strerror(error.errno) if error.errno is not None else str(error)
        detail = f"{what}: {reason}; {advice}" if advice else f"{what}: {reason}"
        return cls(absence_of(error), detail)


@contextlib.contextmanager
def absent_on_error(what: object, advice: str = "") -> Iterator[None]:
    """Turn an OSError of the block into SourceAbsent. For cold paths: it costs a microsecond."""
    try:
        yield
    except OSError as error:
        raise SourceAbsent.of(error, what, advice) from error
