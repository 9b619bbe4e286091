"""A made-up memory report: every field is set somewhere."""

from __future__ import annotations

from agent.model.memory import (
    Eater,
    FormChoice,
    Headroom,
    KubeletFacts,
    MemoryForm,
    MemoryReport,
    Room,
    RootMemory,
    Signal,
    Threshold,
    Trend,
)
from agent.model.oom import Container

MI, GI = 1 << 20, 1 << 30
CONFIG = "config /var/lib/kubelet/config.yaml"
NOW_WALL_NS = 1_790_000_000 * 10**9
NOW_BOOT_NS = 7_200 * 10**9

MEMORY = MemoryReport(
    boottime_ns=NOW_BOOT_NS,
    wall_ns=NOW_WALL_NS,
    root=RootMemory(
        total=8 * GI, free=300 * MI, inactive_file=200 * MI, anon=7 * GI, file=612 * MI
    ),
    choice=FormChoice(
        form=MemoryForm.ANON_PLUS_FILE,
        reason="the kubelet contains github.com/opencontainers/runc v1.1.12",
        assumed=False,
    ),
    kubelet=KubeletFacts(
        pid=812,
        found="process 812",
        config="/var/lib/kubelet/config.yaml",
        version="v1.30.14",
        library="github.com/opencontainers/runc v1.1.12",
        problems=("/etc/kubelet.d/20.conf: Permission denied",),
    ),
    headrooms=(
        Headroom(
            signal=Signal.MEMORY,
            room=Room(available=612 * MI, capacity=8 * GI),
            threshold=Threshold(
                signal=Signal.MEMORY, hard=True, text="500Mi", source=CONFIG, quantity=500 * MI
            ),
            amount=500 * MI,
            trend=Trend(per_second=-2.8 * MI, fit=0.99, window_seconds=60.0, samples=60),
            seconds_left=40.0,
        ),
        Headroom(
            signal=Signal.MEMORY,
            room=Room(available=612 * MI, capacity=8 * GI),
            threshold=Threshold(
                signal=Signal.MEMORY,
                hard=False,
                text="1Gi",
                source=CONFIG,
                quantity=GI,
                grace_seconds=90.0,
            ),
            amount=GI,
            trend=Trend(per_second=-2.8 * MI, fit=0.99, window_seconds=60.0, samples=60),
            seconds_left=0.0,
            crossed_since_boottime_ns=NOW_BOOT_NS - 31 * 10**9,
            crossed_since_wall_ns=NOW_WALL_NS - 31 * 10**9,
        ),
        Headroom(
            signal=Signal.NODEFS,
            room=Room(available=60 * GI, capacity=100 * GI),
            where="/var/lib/kubelet",
            threshold=Threshold(
                signal=Signal.NODEFS,
                hard=True,
                text="10%",
                source="default: mergeDefaultEvictionSettings is true",
                fraction=0.1,
            ),
            amount=10 * GI,
        ),
        Headroom(
            signal=Signal.IMAGEFS,
            absent="the read hangs: did not return within 5 s",
            where="/var/lib/containerd",
            threshold=Threshold(
                signal=Signal.IMAGEFS,
                hard=True,
                text="15%",
                source="default: mergeDefaultEvictionSettings is true",
                fraction=0.15,
            ),
        ),
        Headroom(signal=Signal.PID, room=Room(available=30_912, capacity=32_768)),
    ),
    eaters=(
        Eater(
            container=Container(
                namespace="production",
                pod="order-processor-5566778899-abc12",
                pod_uid="d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5",
                name="app",
                id="a" * 64,
            ),
            working_set=3 * GI,
            grown_1m=420 * MI,
            grown_5m=1946 * MI,
        ),
        Eater(unit="containerd.service", working_set=90 * MI, grown_1m=-MI, grown_5m=12 * MI),
    ),
)
