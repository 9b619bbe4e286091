"""A drill of the kernel's half needs root and a memory controller."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs, open_cgroup_fs
from agent.host.kmsg import KmsgReader
from agent.host.root import HostRoot
from agent.host.scratch_cgroup import ScratchCgroup


@pytest.fixture(scope="session")
def can_drill() -> None:
    """Skip where no drill can be held; in CI, where one must be possible, that is a failure."""
    try:
        fs = open_cgroup_fs(HostRoot.at(Path("/")))
        try:
            KmsgReader().close()
            name = f"nodewitness-test-{os.getpid()}"
            ScratchCgroup.create(fs, name, 8 << 20).remove()
        finally:
            fs.close()
    except SourceAbsent as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no drill can be held here: {error}")
        pytest.skip(f"no drill can be held here: {error}")


@pytest.fixture
def fs(can_drill: None) -> Iterator[CgroupFs]:
    """The memory hierarchy of this machine."""
    fs = open_cgroup_fs(HostRoot.at(Path("/")))
    yield fs
    fs.close()
