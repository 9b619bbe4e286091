"""agent.parse.meminfo, root_memory_stat and loadavg."""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.loadavg import parse_tasks
from agent.parse.meminfo import parse_meminfo
from agent.parse.root_memory_stat import parse_root_memory_stat, parse_total_inactive_file

MEMINFO = b"MemTotal:        2014504 kB\nMemFree:         1745196 kB\nMemAvailable:    1 kB\n"
STAT = b"anon 33345536\nfile 90472448\nkernel 208896\ninactive_file 61001728\n"


def test_meminfo() -> None:
    assert parse_meminfo(MEMINFO) == (2014504 * 1024, 1745196 * 1024)


def test_root_memory_stat() -> None:
    assert parse_root_memory_stat(STAT) == (33345536, 90472448, 61001728)
    assert parse_total_inactive_file(b"cache 1\ntotal_inactive_file 7\n") == 7


def test_loadavg() -> None:
    assert parse_tasks(b"1.36 3.49 4.53 2/3518 3715089\n") == 3518


@pytest.mark.parametrize("data", [b"", b"MemTotal: 1 kB\n", b"MemTotal: x kB\nMemFree: 1 kB\n"])
def test_no_meminfo(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_meminfo(data)


@pytest.mark.parametrize("data", [b"", b"anon 1\nfile 1\n", b"xanon 1\nfile 1\ninactive_file 1\n"])
def test_no_root_memory_stat(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_root_memory_stat(data)


@pytest.mark.parametrize("data", [b"", b"1 2 3 4 5", b"1 2 3 1/x 5"])
def test_no_loadavg(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_tasks(data)
