"""A trace instance of our own, on this machine's kernel."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from agent.host.absence import SourceAbsent
from agent.host.boot import read_boot_facts
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import HostClock
from agent.host.trace_instance import TraceInstance, list_instances, remove_instance
from agent.host.tracefs import Tracefs
from agent.model.absence import Absence
from agent.model.kmsg import TraceVictim
from agent.parse.trace_pipe import parse_mark_victim
from tests.host.this_host import HOST, oom_kill, readable, until

Make = Callable[[], TraceInstance]


def marker(tracefs: Tracefs, name: str, *lines: str) -> None:
    """Events without provoking anything: user space's own, in this instance alone."""
    for line in lines:
        tracefs.write(f"instances/{name}/trace_marker", line.encode())


def test_kill_wakes_the_reader(make_instance: Make, cgroups: CgroupFs) -> None:
    """oom:mark_victim makes trace_pipe readable at once, with boot-time stamps."""
    instance = make_instance()
    instance.enable("oom/mark_victim")
    instance.start()
    instance.open_pipe()
    assert instance.read() is None
    clock = HostClock()
    with oom_kill(cgroups, "trace") as (_, child):
        before_us = clock.boottime_ns() // 1000
        child.go()
        victims: list[TraceVictim | None] = []

        def look() -> bool:
            victims.extend(map(parse_mark_victim, (instance.read() or b"").splitlines()))
            return child.pid in {victim.pid for victim in victims if victim}

        assert readable(instance)
        until(look, instance)
    (victim,) = (victim for victim in victims if victim and victim.pid == child.pid)
    assert before_us <= victim.timestamp_us <= clock.boottime_ns() // 1000


def test_adopted_with_the_events_in_it(
    make_instance: Make, tracefs: Tracefs, trace_name: str
) -> None:
    """Who comes back after a restart finds what happened meanwhile."""
    first = make_instance()
    first.start()
    assert not first.adopted
    marker(tracefs, trace_name, "before")
    first.close()
    marker(tracefs, trace_name, "meanwhile")
    second = make_instance()
    assert second.adopted
    assert second.is_on()
    assert second.buffer_bytes == first.buffer_bytes
    marker(tracefs, trace_name, "after")
    second.open_pipe()
    lines = (second.read() or b"").splitlines()
    assert [line.split(b": ")[-1] for line in lines] == [b"before", b"meanwhile", b"after"]


def test_bound_is_for_all_cpus(tracefs: Tracefs, make_instance: Make) -> None:
    """What the kernel gave is near what was asked for, and is told."""
    cpus = read_boot_facts(HOST).possible_cpus
    instance = make_instance()
    assert instance.buffer_bytes >= cpus << 16
    assert instance.buffer_bytes <= cpus * ((1 << 16) + 2 * os.sysconf("SC_PAGE_SIZE"))


def test_least_bound(tracefs: Tracefs, trace_name: str) -> None:
    """A bound below the kernel's least is that least, not an error."""
    cpus = read_boot_facts(HOST).possible_cpus
    with TraceInstance(tracefs, trace_name, total_bytes=1, possible_cpus=cpus) as instance:
        assert 0 < instance.buffer_bytes <= cpus * 4 * os.sysconf("SC_PAGE_SIZE")


def test_losses_are_counted(make_instance: Make, tracefs: Tracefs, trace_name: str) -> None:
    """What a ring that nobody read has overwritten is known exactly."""
    instance = make_instance()
    instance.start()
    assert instance.lost() == 0
    marker(tracefs, trace_name, *["x" * 200] * 2000)
    lost = instance.lost()
    kept = b"".join(instance.read_trace()).count(b"tracing_mark_write")
    assert lost > 0
    assert lost + kept == 2000
    assert instance.lost() == lost
    # The kernel's counters begin again when the ring is emptied; ours do not fall.
    tracefs.write(f"instances/{trace_name}/trace", b"")
    assert instance.lost() == lost


def test_reading_the_trace_does_not_consume(
    make_instance: Make, tracefs: Tracefs, trace_name: str
) -> None:
    """The recorder is read as often as needed."""
    instance = make_instance()
    instance.start()
    marker(tracefs, trace_name, "one", "two")
    for _ in range(2):
        lines = b"".join(instance.read_trace()).splitlines()
        assert [ln.split(b": ")[-1] for ln in lines if b"mark_write" in ln] == [b"one", b"two"]
    stats = instance.stats()
    assert sum(cpu.entries for cpu in stats) == 2
    assert len(stats) <= read_boot_facts(HOST).possible_cpus


def test_one_reader_alone(make_instance: Make) -> None:
    """Where the kernel refuses a second reader, that is said; each would miss events."""
    first, second = make_instance(), make_instance()
    first.open_pipe()
    refusal = None
    try:
        second.open_pipe()
    except SourceAbsent as error:
        refusal = error.absent
    assert refusal is None or "trace_pipe: Device or resource busy" in refusal.detail


def test_unknown_event_and_filter(make_instance: Make) -> None:
    """What this kernel does not have is UNSUPPORTED, and named."""
    instance = make_instance()
    for event, event_filter, words in (
        ("oom/no_such_event", "", "no tracepoint oom:no_such_event"),
        ("oom/no_such_event", "pid==1", "no tracepoint oom:no_such_event"),
        ("oom/mark_victim", "nonsense==1", "filter 'nonsense==1'"),
    ):
        with pytest.raises(SourceAbsent, match=words) as raised:
            instance.enable(event, event_filter)
        assert raised.value.absent.absence is Absence.UNSUPPORTED


def test_filter_is_the_kernels(make_instance: Make, tracefs: Tracefs, trace_name: str) -> None:
    """The filter is set before the event is enabled."""
    make_instance().enable("oom/mark_victim", "pid > 7")
    event = f"instances/{trace_name}/events/oom/mark_victim"
    assert tracefs.read(f"{event}/filter").strip() == b"pid > 7"
    assert tracefs.read(f"{event}/enable").strip() == b"1"


def test_destroy(make_instance: Make, tracefs: Tracefs, trace_name: str) -> None:
    """It is gone afterwards; destroying what is gone is no error."""
    instance = make_instance()
    instance.open_pipe()
    assert list_instances(tracefs, trace_name) == [trace_name]
    instance.destroy()
    assert list_instances(tracefs, trace_name) == []
    instance.destroy()


def test_held_by_another(make_instance: Make, tracefs: Tracefs, trace_name: str) -> None:
    """An instance that somebody has open stays, but stopped and with the smallest rings."""
    holder, ours = make_instance(), make_instance()
    ours.enable("oom/mark_victim")
    ours.start()
    holder.open_pipe()
    with pytest.raises(SourceAbsent, match="another process has it open") as raised:
        ours.destroy()
    assert raised.value.absent.absence is Absence.FAILED
    assert not holder.is_on()
    assert tracefs.read(f"instances/{trace_name}/events/enable").strip() == b"0"
    assert int(tracefs.read(f"instances/{trace_name}/buffer_size_kb")) < 64
    holder.close()
    remove_instance(tracefs, trace_name)
    assert list_instances(tracefs, trace_name) == []
