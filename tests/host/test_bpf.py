"""agent.host.bpf."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from typing import Any

import pytest

from agent.host import bpf
from agent.host.absence import SourceAbsent
from agent.model.absence import Absence


class Kernel:
    """Says of one interface that two programs are attached to it."""

    def __init__(self, code: int = 0) -> None:
        self.code = code

    def syscall(self, number: int, command: int, buffer: Any, size: int) -> int:
        ifindex, attach = struct.unpack_from("=2I", buffer.raw)
        if self.code:
            ctypes.set_errno(self.code)
            return -1
        if ifindex == 26 and attach == bpf.BPF_TCX_INGRESS:
            struct.pack_into("=I", buffer, 24, 2)
        return 0


@pytest.fixture(autouse=True)
def x86(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


def test_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpf, "_libc", Kernel())
    assert bpf.tcx_programs(26) == 2
    assert bpf.tcx_programs(3) == 0


def test_an_older_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows no tcx, so nothing is attached by it."""
    monkeypatch.setattr(bpf, "_libc", Kernel(errno.EINVAL))
    assert bpf.tcx_programs(26) == 0


def test_what_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpf, "_libc", Kernel(errno.EPERM))
    with pytest.raises(SourceAbsent) as error:
        bpf.tcx_programs(26)
    assert error.value.absent.absence is Absence.DENIED
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(SourceAbsent, match="on vax"):
        bpf.tcx_programs(26)
