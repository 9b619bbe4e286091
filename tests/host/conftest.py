"""Sources of this machine, closed after each test; a skip with the reason where they are absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from agent.host.absence import SourceAbsent
from agent.host.boot import read_boot_facts
from agent.host.cgroup_fs import CgroupFs, open_cgroup_fs
from agent.host.trace_instance import TraceInstance, remove_instance
from agent.host.tracefs import Tracefs
from tests.host.this_host import HOST, missing, unique


@pytest.fixture
def cgroups() -> Iterator[CgroupFs]:
    """The memory hierarchy of this machine."""
    try:
        fs = open_cgroup_fs(HOST)
    except SourceAbsent as error:
        missing(str(error))
    yield fs
    fs.close()


@pytest.fixture
def tracefs() -> Iterator[Tracefs]:
    """tracefs of this machine."""
    try:
        opened = Tracefs(HOST)
    except SourceAbsent as error:
        missing(str(error))
    yield opened
    opened.close()


@pytest.fixture
def trace_name(tracefs: Tracefs) -> Iterator[str]:
    """A name for an instance; what is made under it is removed."""
    name = unique("trace")
    yield name
    remove_instance(tracefs, name)


@pytest.fixture
def make_instance(tracefs: Tracefs, trace_name: str) -> Iterator[Callable[[], TraceInstance]]:
    """Makes the instance, or adopts it when called again; closes all handles."""
    opened: list[TraceInstance] = []
    cpus = read_boot_facts(HOST).possible_cpus

    def make() -> TraceInstance:
        instance = TraceInstance(tracefs, trace_name, total_bytes=cpus << 16, possible_cpus=cpus)
        opened.append(instance)
        return instance

    yield make
    for instance in opened:
        instance.close()
