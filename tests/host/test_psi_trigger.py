"""A trigger's arming against a file that answers as kernels do, and on the machine that runs the
tests.
"""

from __future__ import annotations

import errno
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.psi_trigger import PsiTrigger
from agent.model.absence import Absence

ROOT = Path(__file__).parents[2]


class FakeEpoll:
    """epoll takes no regular file."""

    def register(self, fd: int, mask: int) -> None:
        assert mask == select.EPOLLPRI

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        return []

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        pass


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[bytes]]:
    """Makes os.write answer with these errors in turn, then take it; returns what was written."""

    def answers(*errors: int) -> list[bytes]:
        written: list[bytes] = []
        left = list(errors)

        def write(fd: int, data: bytes) -> int:
            written.append(data)
            if left:
                number = left.pop(0)
                raise OSError(number, os.strerror(number))
            return len(data)

        monkeypatch.setattr(os, "write", write)
        monkeypatch.setattr(select, "epoll", FakeEpoll)
        return written

    return answers


@pytest.fixture
def file(tmp_path: Path) -> Callable[[int], int]:
    (tmp_path / "memory").write_bytes(b"some\n")
    return lambda flags: os.open(tmp_path / "memory", flags)


def test_armed(kernel: Callable[..., list[bytes]], file: Callable[[int], int]) -> None:
    written = kernel()
    trigger = PsiTrigger(file, stall_us=150_000, window_us=1_000_000)
    assert written == [b"some 150000 1000000\0"]
    assert trigger.read() == b"some\n"
    assert not trigger.broken()
    assert trigger.detail == ""
    trigger.close()


def test_unprivileged(kernel: Callable[..., list[bytes]], file: Callable[[int], int]) -> None:
    """Linux 6.5 and later: the window becomes 2 s, the stall in proportion, and it says so."""
    written = kernel(errno.EINVAL)
    trigger = PsiTrigger(file, stall_us=150_000, window_us=1_000_000)
    assert written[1] == b"some 300000 2000000\0"
    assert (trigger.stall_us, trigger.window_us) == (300_000, 2_000_000)
    assert trigger.detail == "a window of 2 s instead of 1 s, for CAP_SYS_RESOURCE is missing"
    trigger.close()


def test_refused_again(kernel: Callable[..., list[bytes]], file: Callable[[int], int]) -> None:
    kernel(errno.EINVAL, errno.EINVAL)
    with pytest.raises(SourceAbsent, match="CAP_SYS_RESOURCE"):
        PsiTrigger(file, stall_us=150_000, window_us=1_000_000)


def test_no_psi(kernel: Callable[..., list[bytes]], file: Callable[[int], int]) -> None:
    kernel(errno.EOPNOTSUPP)
    with pytest.raises(SourceAbsent) as caught:
        PsiTrigger(file, stall_us=150_000, window_us=1_000_000)
    assert caught.value.absent.absence is Absence.UNSUPPORTED


def test_denied_before_6_5() -> None:
    """Opening for writing is refused; what is missing is named."""

    def denied(flags: int) -> int:
        raise SourceAbsent(Absence.DENIED, "/proc/pressure/memory: Operation not permitted")

    with pytest.raises(SourceAbsent, match="CAP_SYS_RESOURCE is missing") as caught:
        PsiTrigger(denied, stall_us=150_000, window_us=1_000_000)
    assert caught.value.absent.absence is Absence.DENIED


NOBODY = """\
import os
from agent.host.absence import SourceAbsent
from agent.host.psi_trigger import PsiTrigger
os.setresuid(65534, 65534, 65534)
def opened(flags):
    try:
        return os.open("/proc/pressure/memory", flags)
    except OSError as error:
        raise SourceAbsent.of(error, "/proc/pressure/memory") from error
try:
    trigger = PsiTrigger(opened, stall_us=150_000, window_us=1_000_000)
    print(trigger.window_us, trigger.stall_us, trigger.detail)
except SourceAbsent as error:
    print(error.absent.absence.name, error.absent.detail)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not os.access("/proc/pressure/memory", os.W_OK),
    reason="only root can give up his capabilities; and there must be pressure files",
)
def test_without_the_capability_on_this_machine() -> None:
    """The kernel wants a longer window or refuses it, as above, and what is missing is named."""
    argv = [sys.executable, "-c", NOBODY]
    said = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    if "EOPNOTSUPP" in said or "not supported" in said:
        pytest.skip("this kernel was booted without psi=1")
    longer = "2000000 300000 a window of 2 s instead of 1 s, for CAP_SYS_RESOURCE is missing\n"
    refused = said.startswith("DENIED ") and "; CAP_SYS_RESOURCE is missing" in said
    assert said == longer or refused
