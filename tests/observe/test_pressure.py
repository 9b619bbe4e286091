"""agent.observe.pressure and agent.host.pressure on a made-up host."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_v1 import CgroupV1
from agent.host.cgroup_v2 import CgroupV2
from agent.host.mounts import MemoryHierarchy
from agent.host.pressure import NODE, PressureFiles
from agent.host.root import HostRoot
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from agent.model.pressure import Resource, Scope
from agent.observe.pressure import PressureSampler

TEXT = "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "proc/pressure").mkdir(parents=True)
    for resource in Resource:
        (tmp_path / "proc/pressure" / resource.value).write_text(TEXT)
    (tmp_path / "cgroup").mkdir()
    return tmp_path


def group(top: Path, path: str) -> None:
    (top / "cgroup" / path).mkdir(parents=True)
    for resource in Resource:
        (top / "cgroup" / path / f"{resource.value}.pressure").write_text(TEXT)


def files(top: Path, mode: CgroupMode = CgroupMode.V2) -> PressureFiles:
    hierarchy = MemoryHierarchy(mode=mode, mount_point=top / "cgroup")
    fs = CgroupV2(hierarchy) if mode is CgroupMode.V2 else CgroupV1(hierarchy)
    return PressureFiles(HostRoot.at(top), fs)


def test_groups_come_and_go(top: Path) -> None:
    """The node at once; kubepods and its QoS groups when they are there, and while they are."""
    sampler = PressureSampler(files(top))
    sampler.look_for_groups()
    assert {level.scope for level in sampler.sample()} == {Scope.NODE}
    group(top, "kubepods.slice/kubepods-burstable.slice")
    group(top, "kubepods.slice/kubepods-besteffort.slice")
    for resource in Resource:
        (top / f"cgroup/kubepods.slice/{resource.value}.pressure").write_text(TEXT)
    sampler.look_for_groups()
    levels = sampler.sample()
    assert {level.scope for level in levels} == set(Scope)
    assert len(levels) == 12
    assert sampler.path(Scope.KUBEPODS) == "/kubepods.slice"
    for file in (top / "cgroup/kubepods.slice/kubepods-besteffort.slice").iterdir():
        file.unlink()
    (top / "cgroup/kubepods.slice/kubepods-besteffort.slice").rmdir()
    assert Scope.BESTEFFORT not in {level.scope for level in sampler.sample()}
    assert sampler.path(Scope.BESTEFFORT) is None


def test_kubepods_in_an_unusual_place(top: Path) -> None:
    """As kind has it."""
    group(top, "kubelet.slice/kubelet-kubepods.slice")
    sampler = PressureSampler(files(top))
    sampler.look_for_groups()
    assert sampler.path(Scope.KUBEPODS) == "/kubelet.slice/kubelet-kubepods.slice"


def test_without_psi(top: Path) -> None:
    """It is not broken, and says what to do."""
    (top / "proc/pressure/memory").unlink()
    with pytest.raises(SourceAbsent, match="psi=1") as caught:
        files(top).read(NODE, Resource.MEMORY)
    assert caught.value.absent.absence is Absence.UNSUPPORTED


def test_v1_has_the_node_alone(top: Path) -> None:
    sampler = PressureSampler(files(top, CgroupMode.V1))
    sampler.look_for_groups()
    assert len(sampler.sample()) == 3
    with pytest.raises(SourceAbsent, match="cgroup v1") as caught:
        sampler.arm(Scope.KUBEPODS, Resource.MEMORY, 1, 1)
    assert caught.value.absent.absence is Absence.UNSUPPORTED


def test_no_kubepods_yet(top: Path) -> None:
    with pytest.raises(SourceAbsent) as caught:
        PressureSampler(files(top)).arm(Scope.KUBEPODS, Resource.MEMORY, 1, 1)
    assert caught.value.absent.absence is Absence.VANISHED
