"""agent.parse.proc_cgroup"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.proc_cgroup import ProcCgroup, parse_memory_hierarchy, parse_proc_cgroup


@pytest.mark.parametrize(
    ("text", "cgroup"),
    [
        (b"0::/init.scope\n", ProcCgroup(v2_path="/init.scope", v2_deleted=False, v1_paths={})),
        (
            b"0::/kubepods/podx/253748b789a4 (deleted)\n",
            ProcCgroup(v2_path="/kubepods/podx/253748b789a4", v2_deleted=True, v1_paths={}),
        ),
        (
            b"9:name=systemd:/\n4:memory:/nw-drill\n1:cpu,cpuacct:/x\n0::/\n",
            ProcCgroup(
                v2_path="/",
                v2_deleted=False,
                v1_paths={"name=systemd": "/", "memory": "/nw-drill", "cpu": "/x", "cpuacct": "/x"},
            ),
        ),
        (
            b"4:memory:/a (deleted)\n",
            ProcCgroup(v2_path=None, v2_deleted=False, v1_paths={"memory": "/a (deleted)"}),
        ),
        (
            b"0::/a:b::c\xff (deleted) (deleted)\n",
            ProcCgroup(v2_path=r"/a:b::c\xff (deleted)", v2_deleted=True, v1_paths={}),
        ),
        (b"0::/../x\n", ProcCgroup(v2_path="/../x", v2_deleted=False, v1_paths={})),
        (b"", ProcCgroup(v2_path=None, v2_deleted=False, v1_paths={})),
    ],
)
def test_paths(text: bytes, cgroup: ProcCgroup) -> None:
    """One path per hierarchy; only v2 marks what is removed, once."""
    assert parse_proc_cgroup(text) == cgroup


@pytest.mark.parametrize(
    ("text", "path"),
    [(b"0::/a\n", "/a"), (b"4:memory:/m\n0::/a\n", "/m"), (b"1:name=systemd:/\n", None)],
)
def test_memory_path(text: bytes, path: str | None) -> None:
    """On a hybrid host memory is v1's."""
    assert parse_proc_cgroup(text).memory_path == path


@pytest.mark.parametrize("text", [b"0:/a\n", b"x::/a\n", b"0::a\n", b"0::\n", b"\x00\n"])
def test_refused(text: bytes) -> None:
    """A line of another form is an error, not a process without a cgroup."""
    with pytest.raises(ParseError):
        parse_proc_cgroup(text)


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (b"9:name=systemd:/\n4:memory:/memory\n0::/\n", 4),
        (b"12:cpu,memory:/a\n", 12),
        (b"0::/a:memory\n", 0),
        (b"3:cpuset:/memory:memory\n0::/\n", 0),
    ],
)
def test_memory_hierarchy(data: bytes, number: int) -> None:
    """The number that the kernel's events call it by."""
    assert parse_memory_hierarchy(data) == number
