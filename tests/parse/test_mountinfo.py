"""agent.parse.mountinfo"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.mountinfo import Mount, parse_mountinfo

HYBRID = b"""\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""


def test_hybrid_host() -> None:
    """The controllers of a v1 hierarchy stand in the options of its super block."""
    tmpfs, memory, unified = parse_mountinfo(HYBRID)
    assert tmpfs.fstype == "tmpfs"
    assert memory == Mount(
        mount_id=35,
        device="0:32",
        root="/",
        mount_point="/sys/fs/cgroup/memory",
        fstype="cgroup",
        source="cgroup",
        super_options=("rw", "memory"),
    )
    assert (unified.fstype, unified.super_options) == ("cgroup2", ("rw",))


@pytest.mark.parametrize(
    ("line", "mount_point", "root", "source"),
    [
        (
            b"1 0 0:1 / /a\\040b\\134c rw shared:1 master:2 - ext4 /dev/vda rw",
            r"/a b\c",
            "/",
            "/dev/vda",
        ),
        (b"1 0 0:1 /x//deleted /m rw - ext4 none rw", "/m", "/x//deleted", "none"),
        (b"1 0 0:1 / /- rw - fuse.sshfs  rw", "/-", "/", ""),
        (b"1 0 0:1 / /a\\012b\xff rw - xfs - rw", r"/a\x0ab\xff", "/", "-"),
        (b"1 0 0:1 / /m rw - ext4 none rw later", "/m", "/", "none"),
    ],
)
def test_fields(line: bytes, mount_point: str, root: str, source: str) -> None:
    """Octal escapes are undone, optional fields skipped, an empty source kept."""
    (mount,) = parse_mountinfo(line + b"\n")
    assert (mount.mount_point, mount.root, mount.source) == (mount_point, root, source)


@pytest.mark.parametrize(
    "line",
    [
        b"1 0 0:1 / /m rw",
        b"1 0 0:1 / /m rw -",
        b"1 0 0:1 / /m rw - ext4 none",
        b"x 0 0:1 / /m rw - ext4 none rw",
        b"- - - - - - - - - -",
    ],
)
def test_refused(line: bytes) -> None:
    """A line without its fields."""
    with pytest.raises(ParseError):
        parse_mountinfo(HYBRID + line + b"\n")
