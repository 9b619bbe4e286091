"""agent.host.runtime_socket, and a client that follows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cri import CriClient
from agent.host.runtime_socket import RuntimeSocket


def test_first_that_is_there(tmp_path: Path) -> None:
    """The configured one, also while none is; another's if that alone is there."""
    ours, others = tmp_path / "containerd.sock", tmp_path / "crio.sock"
    socket = RuntimeSocket(ours, (others,))
    assert socket.path == ours
    others.touch()
    assert socket.path == others
    ours.touch()
    assert socket.path == ours


async def test_a_client_follows(tmp_path: Path) -> None:
    """Each question goes where the runtime is then."""
    ours, others = tmp_path / "a.sock", tmp_path / "b.sock"
    client = CriClient(RuntimeSocket(ours, (others,)), 0.05)
    try:
        with pytest.raises(SourceAbsent, match=r"no socket at .*a\.sock"):
            await client.version()
        others.touch()
        with pytest.raises(SourceAbsent, match=r"b\.sock refuses connections"):
            await client.version()
    finally:
        await client.close()
