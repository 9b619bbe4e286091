"""The state directory: private, and owned by one agent at a time.

The lock is flock(2) on the file `lock` in it. The kernel releases it with the process, however that
ends, so a lock is never stale; the file stays, and holds the pid of its last owner for people.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import threading
from pathlib import Path
from types import TracebackType

LOCK = "lock"
JOURNAL = "journal.db"
RESOLVE_SECONDS = 5.0


class StateLocked(Exception):  # noqa: N818 - it says what is, and nobody did wrong
    """Another agent owns the directory. `pid` is None if the lock file does not tell it."""

    def __init__(self, path: Path, pid: int | None) -> None:
        holder = "a process that did not leave its pid" if pid is None else f"pid {pid}"
        super().__init__(
            f"{path} belongs to another nodewitness ({holder}): stop that one, or give this one a "
            "directory of its own with --set state.directory=PATH"
        )
        self.path = path
        self.pid = pid


class StateDirectory:
    """An open and locked state directory; owns the lock's descriptor until `close`."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd = lock_fd

    @classmethod
    def open(cls, path: Path) -> StateDirectory:
        """Make the directory if it is missing, make it 0700, and lock it without waiting.

        Raises `StateLocked` if another process holds it, `OSError` if it cannot be made or opened.
        It touches the disk and so may hang with it.
        """
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(path / LOCK, flags, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateLocked(path, _pid_in(fd)) from None
            # A full disk cannot take the pid, and must not stop the agent: the lock holds without.
            with contextlib.suppress(OSError):
                os.ftruncate(fd, 0)
                os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        except BaseException:
            os.close(fd)
            raise
        return cls(path, fd)

    @property
    def journal(self) -> Path:
        """Where the journal lies."""
        return self.path / JOURNAL

    def close(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def __enter__(self) -> StateDirectory:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def real_path(path: Path) -> Path:
    """Without symbolic links. A disk that hangs is not waited for longer than RESOLVE_SECONDS, and
    then the path is only made absolute.
    """
    found: queue.Queue[Path | Exception] = queue.Queue()

    def resolve() -> None:
        try:
            found.put(path.resolve())
        except (OSError, RuntimeError) as error:  # a loop of links
            found.put(error)

    threading.Thread(target=resolve, name="state-path", daemon=True).start()
    with contextlib.suppress(queue.Empty):
        result = found.get(timeout=RESOLVE_SECONDS)
        if isinstance(result, Path):
            return result
    return Path(os.path.abspath(path))


def _pid_in(fd: int) -> int | None:
    try:
        return int(os.pread(fd, 32, 0))
    except (OSError, ValueError):
        return None
