"""tracefs, without making it visible."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import pytest

from agent.host import tracefs as module
from agent.host.absence import SourceAbsent
from agent.host.root import HostRoot
from agent.host.tracefs import Tracefs
from agent.model.absence import Absence
from tests.host.this_host import HOST, missing


def test_nothing_becomes_visible(tmp_path: Path) -> None:
    """A detached mount works like any, and is in no mount table."""
    before = (HOST.proc / "self/mountinfo").read_bytes()
    try:
        tracefs = Tracefs(HostRoot.at(tmp_path))  # where no tracefs is visible
    except SourceAbsent as error:
        missing(str(error))
    assert tracefs.detached
    assert b"boot" in tracefs.read("trace_clock").replace(b"[", b" ").replace(b"]", b" ").split()
    assert "oom" in tracefs.names("events")
    assert (HOST.proc / "self/mountinfo").read_bytes() == before
    tracefs.close()
    tracefs.close()


def test_a_visible_mount_is_used(tmp_path: Path) -> None:
    """What is there already needs no mount of ours."""
    (tmp_path / "sys/kernel/tracing/instances/one").mkdir(parents=True)
    (tmp_path / "sys/kernel/tracing/file").write_bytes(b"old")
    tracefs = Tracefs(HostRoot.at(tmp_path))
    assert not tracefs.detached
    assert tracefs.names("instances") == ["one"]
    tracefs.write("file", b"new")
    assert tracefs.read("file") == b"new"
    with pytest.raises(SourceAbsent) as raised:
        tracefs.names("events")
    assert raised.value.absent.absence is Absence.VANISHED
    tracefs.close()


@pytest.mark.parametrize(
    ("errno", "absence", "words"),
    [
        (19, Absence.UNSUPPORTED, "built without tracing"),
        (38, Absence.UNSUPPORTED, "mount tracefs at /sys/kernel/tracing"),
        (1, Absence.DENIED, "CAP_SYS_ADMIN"),
    ],
)
def test_refusals_have_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errno: int, absence: Absence, words: str
) -> None:
    """ENODEV is a kernel without tracing, ENOSYS an old one, EPERM a matter of rights."""

    class Refusing:
        def syscall(self, *_: object) -> int:
            return -1

    monkeypatch.setattr(module, "_libc", Refusing())
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno)
    with pytest.raises(SourceAbsent, match=words) as raised:
        Tracefs(HostRoot.at(tmp_path))
    assert raised.value.absent.absence is absence


def test_unknown_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No system call is made whose number we do not know."""
    monkeypatch.setattr(platform, "machine", lambda: "alpha")
    with pytest.raises(SourceAbsent, match="alpha") as raised:
        Tracefs(HostRoot.at(tmp_path))
    assert raised.value.absent.absence is Absence.UNSUPPORTED
