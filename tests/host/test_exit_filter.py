"""agent.host.exit_filter, run by the kernel of this machine on a socket that needs no rights."""

from __future__ import annotations

import ctypes
import random
import socket
import struct
from collections.abc import Collection

import pytest

from agent.host.exit_filter import exit_filter
from agent.host.proc_connector import SO_ATTACH_FILTER
from agent.parse.proc_event import PROC_EVENT_NONE
from tests.parse.exit_message import exit_message

BPF_MAXINSNS = 4096
FORK = 1


def passed(pids: Collection[int], messages: list[bytes]) -> list[bytes]:
    """Those of the messages that come through the filter."""
    program = exit_filter(pids)
    buffer = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    through = []
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)
        for message in messages:
            theirs.send(message)
            try:
                through.append(ours.recv(1024))
            except BlockingIOError:
                continue
    return through


@pytest.mark.parametrize("pids", [(), (5, 6)])
def test_what_passes(pids: tuple[int, ...]) -> None:
    """Answers, and ends of processes by a signal or with a code; not of threads, and no forks."""
    come = [
        exit_message(829, status=9),
        exit_message(829, status=0x8B),
        exit_message(829, status=0x0100),
        exit_message(829, status=0xFF00),
        exit_message(0, what=PROC_EVENT_NONE),
    ]
    stay = [
        exit_message(829),
        exit_message(829, tgid=828, status=9),
        exit_message(829, status=9, what=FORK),
        exit_message(829, status=9)[:60],
    ]
    assert passed(pids, come + stay) == come


@pytest.mark.parametrize("count", [1, 2, 100, 1000, 5000])
def test_clean_exits_of_a_set(count: int) -> None:
    """Every process of the set, and every child of one; of others few enough."""
    numbers = random.Random(count)
    pids = numbers.sample(range(2, 1 << 22), count)
    some = numbers.sample(pids, min(count, 200))
    own = [exit_message(pid, parent=1) for pid in some]
    children = [exit_message(1, parent=pid) for pid in some]
    assert passed(pids, own + children) == own + children
    known = set(pids)
    others = [pid for pid in numbers.sample(range(2, 1 << 22), 1000) if pid not in known]
    by_chance = passed(pids, [exit_message(pid, parent=1) for pid in others])
    assert len(by_chance) <= (10 + 2 * 1000 * count / 4096)


@pytest.mark.parametrize("count", [1000, 100_000])
def test_size(count: int) -> None:
    """Two of them fit into 20 KiB, which old kernels allow a socket, while one replaces another."""
    instructions = len(exit_filter(range(2, count))) // 8
    assert instructions < BPF_MAXINSNS
    assert 2 * 8 * instructions < 20_480 - 4096
