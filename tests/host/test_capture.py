"""The race that the watchers run: a real kill, and what is captured when trace_pipe tells of it."""

from __future__ import annotations

from collections.abc import Callable

from agent.host.cgroup_fs import CgroupFs
from agent.host.proc import ProcReader
from agent.host.trace_instance import TraceInstance
from agent.model.cgroup import CgroupMode
from agent.parse.trace_pipe import parse_mark_victim
from tests.host.this_host import HOST, oom_kill, until


def test_victim_is_captured(make_instance: Callable[[], TraceInstance], cgroups: CgroupFs) -> None:
    """A victim that nobody has reaped yet is identified; its cgroup is the right one or unknown.

    On v2 the cgroup is known until the reaping. On v1 it is lost as soon as the victim begins to
    exit, so that the race may be lost: then it is unknown, never wrong.
    """
    proc = ProcReader(HOST)
    instance = make_instance()
    instance.enable("oom/mark_victim")
    instance.start()
    instance.open_pipe()
    with oom_kill(cgroups, "capture") as (cgroup, child):
        captures = []

        def look() -> bool:
            for line in (instance.read() or b"").splitlines():
                victim = parse_mark_victim(line)
                if victim is not None and victim.pid == child.pid:
                    at_ns = victim.timestamp_us * 1000
                    captures.append(proc.capture(victim.pid, not_after_boottime_ns=at_ns))
            return bool(captures)

        child.go()
        until(look, instance)
        (capture,) = captures
        assert capture is not None
        assert capture.pid == child.pid
        assert capture.container_init is False
        known = (cgroup.path,) if cgroups.mode is CgroupMode.V2 else (cgroup.path, "")
        assert capture.cgroup in known
        child.wait()
        assert not proc.alive(child.pid, capture.start_boottime_ns)
        assert cgroup.oom_kill() == 1
