"""agent.host.oom_probe, agent.host.dynamic_events"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.dynamic_events import (
    MAX_ARGUMENT,
    DynamicEvent,
    define,
    definitions,
    is_recorded,
    record,
)
from agent.host.oom_probe import OOMProbes, oom_probes
from agent.host.root import HostRoot
from agent.host.tracefs import Tracefs
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from agent.parse.btf import Btf
from tests.parse.btf_making import BtfMaker

PROBE = DynamicEvent(prefix="oom_x_", function="out_of_memory", arguments=("a=+8($arg1):u64",))
# Linux 6.1.0-56-amd64, offsets in bytes.
LAYOUT = {
    "task_struct": {"pid": 2416, "tgid": 2420, "start_boottime": 2784, "cgroups": 3600},
    "css_set": {"subsys": 0, "dfl_cgrp": 128},
    "cgroup": {"self": 0, "kn": 248},
    "kernfs_node": {"parent": 8, "name": 16, "id": 104},
    "oom_control": {"memcg": 16},
    "mem_cgroup": {"css": 0, "memory": 256},
    "page_counter": {"max": 152},
    "cgroup_subsys_state": {"cgroup": 0},
}


@pytest.fixture
def root(tmp_path: Path) -> HostRoot:
    """A host with a tracefs of plain files, and no BTF yet."""
    (tmp_path / "sys/kernel/tracing/instances/ours/events/nodewitness").mkdir(parents=True)
    (tmp_path / "sys/kernel/btf").mkdir()
    return HostRoot.at(tmp_path)


@pytest.fixture
def tracefs(root: HostRoot) -> Iterator[Tracefs]:
    opened = Tracefs(root)
    yield opened
    opened.close()


def write_btf(root: HostRoot, layout: dict[str, dict[str, int]], *, memory: int = 4) -> None:
    maker = BtfMaker()
    for structure, members in layout.items():
        maker.every_kind()
        maker.composed(structure, [(name, 1, 8 * at) for name, at in members.items()])
    maker.enum("cgroup_subsys_id", {"cpuset_cgrp_id": 0, "memory_cgrp_id": memory})
    (root.sys / "kernel/btf/vmlinux").write_bytes(maker.data())


def arguments(event: DynamicEvent) -> dict[str, str]:
    return {name: text for name, _, text in (a.partition("=") for a in event.arguments)}


def test_expressions(root: HostRoot) -> None:
    """On v2 the cgroup is the css_set's own; ids are numbers, names words, the limit pages."""
    write_btf(root, LAYOUT)
    call, kill = oom_probes(root, CgroupMode.V2)
    assert (call.function, kill.function) == ("out_of_memory", "__oom_kill_process")
    found = arguments(kill)
    assert found["pid"] == "+2416($arg1):s32"
    assert found["tgid"] == "+2420($arg1):s32"
    assert found["start"] == "+2784($arg1):u64"
    assert found["i0"] == "+104(+248(+128(+3600($arg1)))):u64"
    assert found["n0"] == "+0(+16(+248(+128(+3600($arg1))))):x64[12]"
    assert found["i2"] == "+104(+8(+8(+248(+128(+3600($arg1)))))):u64"
    assert found["n1"] == "+0(+16(+8(+248(+128(+3600($arg1)))))):x64[12]"
    found = arguments(call)
    assert found["memcg"] == "+16($arg1):x64"
    assert found["max"] == "+408(+16($arg1)):u64"
    assert found["i0"] == "+104(+248(+0(+16($arg1)))):u64"


@pytest.mark.parametrize("mode", [CgroupMode.V1, CgroupMode.HYBRID])
def test_expressions_v1(root: HostRoot, mode: CgroupMode) -> None:
    """On v1 the cgroup is that of the memory controller."""
    write_btf(root, LAYOUT, memory=4)
    _, kill = oom_probes(root, mode)
    assert arguments(kill)["i0"] == "+104(+248(+0(+32(+3600($arg1))))):u64"


@pytest.mark.parametrize("mode", list(CgroupMode))
def test_the_kernels_limits(root: HostRoot, mode: CgroupMode) -> None:
    """No argument is too long for the kernel; five names and seven ids there are at least."""
    write_btf(root, LAYOUT)
    for event in oom_probes(root, mode):
        found = arguments(event)
        assert max(map(len, found.values())) <= MAX_ARGUMENT
        assert len(event.name) < 64
        assert {f"n{level}" for level in range(5)} | {f"i{level}" for level in range(7)} <= set(
            found
        )


def test_names_of_other_kernels(root: HostRoot) -> None:
    """Linux 6.15 calls the parent __parent; before 5.5 the start was real_start_time."""
    newer, older = dict(LAYOUT), dict(LAYOUT)
    newer["kernfs_node"] = {"__parent": 8, "name": 16, "id": 104}
    older["task_struct"] = {"pid": 2416, "tgid": 2420, "real_start_time": 2784, "cgroups": 3600}
    write_btf(root, LAYOUT)
    usual = oom_probes(root, CgroupMode.V2)
    for layout in (newer, older):
        write_btf(root, layout)
        assert oom_probes(root, CgroupMode.V2) == usual


def test_the_name_is_the_definitions(root: HostRoot) -> None:
    """Another layout or version has other names, so that neither is in the other's way."""
    write_btf(root, LAYOUT)
    names = {event.name for event in oom_probes(root, CgroupMode.V2)}
    write_btf(root, LAYOUT | {"cgroup": {"kn": 256}})
    assert names.isdisjoint(event.name for event in oom_probes(root, CgroupMode.V2))
    assert PROBE.definition.startswith(f"p:nodewitness/{PROBE.name} out_of_memory a=")


def test_no_btf(root: HostRoot) -> None:
    """Said, with the option that the kernel was built without."""
    with pytest.raises(SourceAbsent, match="CONFIG_DEBUG_INFO_BTF") as raised:
        oom_probes(root, CgroupMode.V2)
    assert raised.value.absent.absence is Absence.UNSUPPORTED


def test_another_layout(root: HostRoot) -> None:
    """A kernel whose structures we do not know is said, with the member that is missing."""
    write_btf(root, LAYOUT | {"oom_control": {"other": 0}})
    with pytest.raises(SourceAbsent, match="struct oom_control has no member memcg") as raised:
        oom_probes(root, CgroupMode.V2)
    assert raised.value.absent.absence is Absence.UNSUPPORTED
    (root.sys / "kernel/btf/vmlinux").write_bytes(b"\x9f\xeb\x02" + bytes(40))
    with pytest.raises(SourceAbsent, match="version 1") as raised:
        oom_probes(root, CgroupMode.V2)
    assert raised.value.absent.absence is Absence.FAILED


def test_a_layout_that_does_not_fit_is_parsed_once(
    root: HostRoot, tracefs: Tracefs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsing takes a second, and the kernel's layout stays; one that could not be read is tried
    again.
    """
    parsed = 0

    class Counting(Btf):
        def __init__(self, data: bytes) -> None:
            nonlocal parsed
            parsed += 1
            super().__init__(data)

    monkeypatch.setattr("agent.host.oom_probe.Btf", Counting)
    probes = OOMProbes(root, CgroupMode.V2)
    for _ in range(3):
        with pytest.raises(SourceAbsent, match="CONFIG_DEBUG_INFO_BTF"):
            probes.define(tracefs)
    write_btf(root, LAYOUT | {"oom_control": {"other": 0}})
    for _ in range(3):
        with pytest.raises(SourceAbsent, match="struct oom_control has no member memcg") as raised:
            probes.define(tracefs)
        assert raised.value.absent.absence is Absence.UNSUPPORTED
    assert parsed == 1


def test_no_kprobe_events(tracefs: Tracefs) -> None:
    """Said, with the option that the kernel was built without."""
    with pytest.raises(SourceAbsent, match="CONFIG_KPROBE_EVENTS") as raised:
        define(tracefs, PROBE)
    assert raised.value.absent.absence is Absence.UNSUPPORTED


def test_an_equal_definition_is_adopted(root: HostRoot, tracefs: Tracefs) -> None:
    """What is there already is not written again; definitions of others are none of ours."""
    path = root.sys / "kernel/tracing/kprobe_events"
    others = "p:kprobes/oom_x_1 out_of_memory\nr:nodewitness/x y\n"
    path.write_text(f"{others}{PROBE.definition}\n")
    define(tracefs, PROBE)
    assert path.read_text() == f"{others}{PROBE.definition}\n"
    assert definitions(tracefs) == [PROBE.definition]


def test_recorded(root: HostRoot, tracefs: Tracefs) -> None:
    """Ours are switched on, those of former versions off."""
    tracing = root.sys / "kernel/tracing"
    former = "p:nodewitness/oom_x_00000000 out_of_memory"
    (tracing / "kprobe_events").write_text(f"{former}\n{PROBE.definition}\n")
    events = tracing / "instances/ours/events/nodewitness"
    for name, state in (("oom_x_00000000", "1\n"), (PROBE.name, "0\n")):
        (events / name).mkdir()
        (events / name / "enable").write_text(state)
    assert not is_recorded(tracefs, "ours", PROBE)
    record(tracefs, "ours", (PROBE,))
    assert is_recorded(tracefs, "ours", PROBE)
    assert (events / "oom_x_00000000/enable").read_text() == "0\n"
    with pytest.raises(SourceAbsent):
        record(tracefs, "no-such-instance", (PROBE,))
