"""The flight recorder's events on this machine's kernel: from a pid to a cgroup that is gone."""

from __future__ import annotations

import os
from collections.abc import Callable

from agent.host.cgroup_fs import CgroupFs
from agent.host.files import read_file
from agent.host.trace_instance import TraceInstance
from agent.inventory.ancestry import Ancestry
from agent.model.evidence import TraceSeen
from agent.model.lineage import Marked
from agent.model.oom import Attribution
from agent.observe.lists import scan_lists
from agent.observe.recorder import LINEAGE, Recorder
from agent.observe.victims import Victims
from agent.parse import cgroup_attach_task
from agent.parse.proc_cgroup import parse_memory_hierarchy
from tests.host.this_host import oom_kill


def test_this_kernel(make_instance: Callable[[], TraceInstance], cgroups: CgroupFs) -> None:
    """A kill in a cgroup of ours, found when both are gone: by the move, and by a scan."""
    instance = make_instance()
    instance.enable("oom/mark_victim")
    instance.enable(LINEAGE[0])
    own = parse_memory_hierarchy(read_file("/proc/self/cgroup"))
    instance.enable(cgroup_attach_task.EVENT, f"dst_root == {own}")
    instance.start()
    scan: dict[int, str] = {}
    with oom_kill(cgroups, "recorder") as (group, child):
        path, inode = group.path, cgroups.inode(group.path)
        scan = scan_lists(cgroups)
        child.go()
        child.reap()
    ancestry = Ancestry()
    marked_us = 0
    victims = Victims(page_bytes=os.sysconf("SC_PAGE_SIZE"), path_of=lambda inode: None)
    for event in Recorder(instance, victims, forks=True).read():
        if not isinstance(event, TraceSeen):
            ancestry.hear(event)
            if isinstance(event, Marked) and event.pid == child.pid:
                marked_us = event.timestamp_us
    found = ancestry.victim(child.pid, marked_us)
    assert found == (inode, path, Attribution.RECORDER)
    assert scan[child.pid] == path
    assert scan[os.getpid()] != path
