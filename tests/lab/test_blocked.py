"""Disks that are slow or stop answering: the device, who waits for it, where, and for which pod."""

import time

import pytest

from agent.api.v1.condition_pb2 import CONDITION_STATUS_FALSE, SEVERITY_CRITICAL
from agent.api.v1.io_pb2 import BlockedTask, Disk
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.pods import Container
from tests.lab.scenarios.slow_disk import MOUNT, NAME, SlowDisk, slow_disk
from tests.lab.status_pace import StatusPace

SECONDS = 180
AFTER = 3
SETTINGS = {"disks.stalled_after": f"{AFTER}s", "disks.blocked_after": f"{AFTER}s"}
CROWD = 200
# Threads that wait for a word, and then for the disk, all at once.
READERS = f"""
import mmap, os, sys, threading
go = threading.Event()
file = os.open("{MOUNT}/f", os.O_RDONLY | os.O_DIRECT)
def read():
    go.wait()
    os.preadv(file, [mmap.mmap(-1, 4096)], 0)
threads = [threading.Thread(target=read) for _ in range({CROWD})]
for thread in threads:
    thread.start()
print("ready", flush=True)
sys.stdin.readline()
go.set()
for thread in threads:
    thread.join()
"""
TRICKLE, UNLIMITED = "131072", "max"
DELAY_MS = 150
SYNCS = f"""
import os
f = os.open("{MOUNT}/wal", os.O_CREAT | os.O_WRONLY)
while True:
    os.pwrite(f, b"x" * 512, 0)
    os.fsync(f)
"""


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    """The agent, running, and not as patient as by default."""
    agent.start(SETTINGS)
    return Asking(agent)


def device(asking: Asking) -> Disk | None:
    """The slow disk, once it is known."""
    return next((disk for disk in asking.devices().disks if disk.label == NAME), None)


def test_a_slow_disk(pods: Pods, guest: Guest, asking: Asking, figures: list[str]) -> None:
    """First it answers nothing, then it is slow."""
    with slow_disk(guest) as disk:
        suspended_volume(disk, pods, asking, figures)
        etcd_on_a_slow_disk(disk, guest, asking, figures)


def suspended_volume(disk: SlowDisk, pods: Pods, asking: Asking, figures: list[str]) -> None:
    """Suspended under a pod's volume: the device with its mount and what is beneath, the task that
    waits, its wchan, its stack and its pod; then 200 tasks outside of all pods too, and all of it
    is over when the device is resumed.
    """
    guest = pods.node.guest
    mounts = [{"host_path": MOUNT, "container_path": "/data"}]
    argv = ["/bin/work", "write", "/data/f", "0"]
    pod = pods.create("stuck").container("main", argv, mounts=mounts)
    until(lambda: guest.exists(f"{MOUNT}/f"), SECONDS, "it writes")
    known = until(lambda: device(asking), SECONDS, "the device is known")
    assert (known.kind, known.suspended, known.stalled) == ("device-mapper", False, False)
    assert not asking.conditions(types=["DiskStalled", "TasksBlocked"])
    pace = StatusPace(guest, figures)
    crowd = guest.start(["python3", "-c", READERS], cgroup="system.slice/lab-crowd.service")
    crowd.wait_out("ready", SECONDS)

    disk.suspend()
    begun = time.monotonic()
    found = asking.condition(
        "DiskStalled", "", lambda c: "default/stuck" in c.message and "work[" in c.message
    )
    seen = time.monotonic() - begun
    init = pod.init_pid()
    assert (found.reason, found.severity) == ("Suspended", SEVERITY_CRITICAL)
    what = f"(device-mapper {NAME} on {known.beneath[0]}), mounted at {MOUNT}, is suspended"
    assert what in found.message
    assert f"work[{init}] of default/stuck main" in found.message
    blocked = asking.condition("TasksBlocked", "", lambda c: f"work[{init}]" in c.message)
    assert "state D" in blocked.message
    figures.append(f"disk: told after {seen:.1f} s: {found.message}")

    def stacked() -> BlockedTask | None:  # it may have moved on to another place meanwhile
        tasks = asking.blocked(pod="stuck").tasks
        return next((task for task in tasks if task.stack and task.wchan in task.stack[0]), None)

    task = until(stacked, SECONDS, "its stack is read", lambda: str(asking.blocked()))
    assert (task.pid, task.container.name, task.kernel) == (init, "main", False)
    assert task.blocked.ToMilliseconds() >= 1000 * AFTER
    now = device(asking)
    assert now is not None
    assert (now.suspended, now.stalled, now.beneath) == (True, True, known.beneath)
    assert list(now.mounts) == [MOUNT]
    said = guest.run(["nodectl", "io"], check=False)
    assert (said.exit_code, "STALLED: suspended for" in said.out) == (1, True)

    def told() -> bool:
        said = guest.run(["nodectl", "blocked", "--pod", "stuck"], check=False)
        return (said.exit_code, f"work[{init}]" in said.out) == (1, True)

    until(told, SECONDS, "nodectl tells it")
    assert asking.metric("nodewitness_disk_stalled", device=now.name) == 1

    pace.holds("a device suspended under a pod's volume")
    crowd.send(b"\n")
    asking.condition("TasksBlocked", "", lambda c: f"{CROWD} of lab-crowd.service" in c.message)
    waits = until(
        lambda: cpu if (cpu := asking.cpu()).blocked >= CROWD else None,
        SECONDS,
        "they are the load",
        lambda: str(asking.cpu()),
    )
    assert waits.blocked > waits.runnable
    shown = guest.run(["nodectl", "cpu"], check=False).out
    assert "wait for io" in " ".join(shown.split())
    look = asking.blocked()
    figures.append(
        f"blocked: {look.looked_at} tasks looked at in {look.look_took.ToMilliseconds()} ms, "
        f"{len(look.tasks)} in state D"
    )
    pace.holds(f"{CROWD} tasks in state D")
    disk.resume()
    for name in ("DiskStalled", "TasksBlocked"):
        asking.condition(name, "", status=CONDITION_STATUS_FALSE)
    assert crowd.wait(SECONDS).exit_code == 0
    crowd.close()
    after = device(asking)
    assert after is not None
    assert (after.suspended, after.stalled) == (False, False)
    saturated(disk, pod, asking, pace)
    pod.stop(0)


def saturated(disk: SlowDisk, container: Container, asking: Asking, pace: StatusPace) -> None:
    """The pod writes and syncs all the time, and its io.max lets nearly nothing through."""
    disk.limit_writes(container.pod.group.directory, TRICKLE)

    def waits() -> bool:
        found = asking.pods(pod="stuck")
        return bool(found) and found[0].usage.io_pressure.waiting_ratio > 0.5

    until(waits, SECONDS, "it waits for its quota of io", lambda: str(asking.pods(pod="stuck")))
    pace.holds("a pod that saturates its io.max")
    disk.limit_writes(container.pod.group.directory, UNLIMITED)


def etcd_on_a_slow_disk(disk: SlowDisk, guest: Guest, asking: Asking, figures: list[str]) -> None:
    """A stand-in for etcd that syncs all the time: its device is found, and nothing is said until
    each write takes too long.
    """
    guest.run("cp $(readlink -f $(command -v python3)) /run/lab/etcd")
    argv = ["env", "PYTHONHOME=/usr", "/run/lab/etcd", "-c", SYNCS, f"--data-dir={MOUNT}"]
    etcd = guest.start(argv, cgroup="system.slice/etcd.service")
    try:
        known = until(
            lambda: next(iter(asking.devices().etcd), None),
            SECONDS,
            "etcd is known",
            lambda: f"{asking.devices()}{etcd.err}",
        )
        (slow,) = (d for d in asking.devices().disks if d.label == NAME)
        name = slow.name
        assert (known.pid, known.directory, known.unit) == (etcd.pid, MOUNT, "etcd.service")
        assert list(known.devices) == [name, *slow.beneath]
        disk.delay_writes(DELAY_MS)
        found = asking.condition("EtcdDiskSlow", "", lambda c: c.reason == "Slow")
        assert f"{name} (device-mapper {NAME}) takes" in found.message
        assert f"on which etcd[{etcd.pid}] syncs {MOUNT}" in found.message
        slowest = asking.metrics("nodewitness_etcd_disk_latency_seconds", device=name)
        assert max(seconds for _, seconds in slowest) >= 0.1
        said = guest.run(["nodectl", "io"], check=False).out
        assert f"etcd[{etcd.pid}] syncs {MOUNT} on {name}, " in said
        figures.append(f"etcd, each write {DELAY_MS} ms later: {found.message}")
    finally:
        etcd.close()
    asking.condition("EtcdDiskSlow", "", status=CONDITION_STATUS_FALSE)
