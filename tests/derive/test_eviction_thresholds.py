"""agent.derive.eviction_thresholds: the kubelet's rules, and where each threshold is from."""

from __future__ import annotations

from agent.derive.eviction_thresholds import DEFAULT_HARD, eviction_thresholds
from agent.model.memory import Signal, Threshold
from agent.parse.kubelet_config import KubeletConfig
from agent.parse.kubelet_flags import KubeletFlags

NO_FLAGS = KubeletFlags()


def _told(found: tuple[Threshold, ...]) -> list[tuple[str, bool, str, str]]:
    return [(t.signal.value, t.hard, t.text, t.source) for t in found]


def test_defaults() -> None:
    """Nothing said: the kubelet's own, for kubepods too; pids have none."""
    found = eviction_thresholds((), NO_FLAGS, "no file").thresholds
    assert {(t.signal.value, t.text) for t in found} == {
        *DEFAULT_HARD.items(),
        ("allocatableMemory.available", "100Mi"),
    }
    assert {t.source for t in found} == {"default: no file"}
    assert found[0].amount(8 << 30) == 100 << 20


def test_a_file_replaces_the_defaults() -> None:
    file = KubeletConfig(eviction_hard={"memory.available": "500Mi", "nodefs.available": "10%"})
    found = eviction_thresholds((("/k.yaml", file),), NO_FLAGS, "").thresholds
    assert _told(found) == [
        ("memory.available", True, "500Mi", "config /k.yaml"),
        ("allocatableMemory.available", True, "500Mi", "config /k.yaml"),
        ("nodefs.available", True, "10%", "config /k.yaml"),
    ]
    assert not eviction_thresholds(
        (("/k.yaml", KubeletConfig(eviction_hard={})),), NO_FLAGS, ""
    ).thresholds


def test_merged_with_the_defaults() -> None:
    file = KubeletConfig(
        eviction_hard={"memory.available": "5%"}, merge_default_eviction_settings=True
    )
    found = eviction_thresholds((("/k.yaml", file),), NO_FLAGS, "").thresholds
    sources = {t.signal: t.source for t in found}
    assert sources[Signal.MEMORY] == "config /k.yaml"
    assert sources[Signal.NODEFS] == "default: mergeDefaultEvictionSettings is true"
    assert len(found) == 6


def test_drop_ins_add_and_flags_replace() -> None:
    files = (
        ("/k.yaml", KubeletConfig(eviction_hard={"memory.available": "1Gi"})),
        ("/d/10.conf", KubeletConfig(eviction_hard={"memory.available": "2Gi"})),
        (
            "/d/20.conf",
            KubeletConfig(
                eviction_hard={"pid.available": "5%"}, enforce_node_allocatable=("none",)
            ),
        ),
    )
    assert _told(eviction_thresholds(files, NO_FLAGS, "").thresholds) == [
        ("memory.available", True, "2Gi", "config /d/10.conf"),
        ("pid.available", True, "5%", "config /d/20.conf"),
    ]
    flags = KubeletFlags(
        eviction_hard={"memory.available": "3Gi"}, enforce_node_allocatable=("pods",)
    )
    assert _told(eviction_thresholds(files, flags, "").thresholds) == [
        ("memory.available", True, "3Gi", "flag --eviction-hard"),
        ("allocatableMemory.available", True, "3Gi", "flag --eviction-hard"),
    ]


def test_soft_thresholds_have_a_grace_period() -> None:
    file = KubeletConfig(
        eviction_hard={},
        eviction_soft={"memory.available": "1Gi", "nodefs.available": "15%"},
        eviction_soft_grace_period={"memory.available": "1m30s", "nodefs.available": "soon"},
    )
    found = eviction_thresholds((("/k.yaml", file),), NO_FLAGS, "")
    assert [(t.signal, t.hard, t.grace_seconds) for t in found.thresholds] == [
        (Signal.MEMORY, False, 90.0),
        (Signal.NODEFS, False, None),
    ]
    assert len(found.problems) == 1
    assert "config /k.yaml: nodefs.available: expected a duration" in found.problems[0]


def test_what_is_not_understood_is_a_problem() -> None:
    """0% and 100% mean none; the kubelet itself replaces those of containerfs."""
    file = KubeletConfig(
        eviction_hard={
            "memory.available": "much",
            "disk.available": "1Gi",
            "nodefs.available": "0%",
            "imagefs.available": "100%",
            "containerfs.available": "10%",
        }
    )
    found = eviction_thresholds((("/k.yaml", file),), NO_FLAGS, "")
    assert not found.thresholds
    assert len(found.problems) == 2
    assert "disk.available" in found.problems[1]
