"""Disks that are slow or stop answering: the device, who waits for it, where, and for which pod."""

import time

import grpc
import pytest

from agent.api.v1.condition_pb2 import (
    CONDITION_STATUS_FALSE,
    CONDITION_STATUS_TRUE,
    SEVERITY_CRITICAL,
    SEVERITY_WARNING,
    Condition,
)
from agent.api.v1.cpu_pb2 import CPUReport, CPUShares
from agent.api.v1.io_pb2 import BlockedTask, Disk, KernelFault
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.pods import Container
from tests.lab.scenarios.etcd import etcd_stand_in
from tests.lab.scenarios.remote_disk import DISK, PARTITION, RemoteDisk, remote_disk
from tests.lab.scenarios.slow_disk import MOUNT, NAME, SlowDisk, slow_disk
from tests.lab.status_pace import StatusPace

SECONDS = 180
AFTER = 3
SETTINGS = {"disks.stalled_after": f"{AFTER}s", "disks.blocked_after": f"{AFTER}s"}
TASKS = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"
HUNG_SECONDS = 5
"""kernel.hung_task_timeout_secs: the watchdog looks so often, and tells at the second look."""
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
TRICKLE, UNLIMITED = "32768", "max"
DELAY_MS = 150
SHARES = CPUShares.DESCRIPTOR.fields


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    """The agent, running, and not as patient as by default."""
    agent.start(SETTINGS)
    return Asking(agent)


def device(asking: Asking) -> Disk | None:
    """The slow disk, once it is known."""
    return next((disk for disk in asking.devices().disks if disk.label == NAME), None)


def test_a_slow_disk(pods: Pods, guest: Guest, asking: Asking, figures: list[str]) -> None:
    """First it answers nothing, nor does the disk beneath, on a partition of which it lies; then it
    is slow; at last a shim waits for it.
    """
    with remote_disk(guest) as remote, slow_disk(guest, f"/dev/{PARTITION}") as disk:
        pace = StatusPace(guest, figures)
        suspended_volume(disk, remote, pods, asking, figures, pace)
        etcd_on_a_slow_disk(disk, guest, asking, figures, pace)
        asking.condition("IOStall", "", status=CONDITION_STATUS_FALSE)
        shim_on_a_slow_disk(disk, pods, asking, figures, pace)


def suspended_volume(
    disk: SlowDisk,
    remote: RemoteDisk,
    pods: Pods,
    asking: Asking,
    figures: list[str],
    pace: StatusPace,
) -> None:
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
    assert list(known.beneath) == [PARTITION]
    assert not asking.conditions(types=["DiskStalled", "TasksBlocked"])
    crowd = guest.start(["python3", "-c", READERS], cgroup="system.slice/lab-crowd.service")
    crowd.wait_out("ready", SECONDS)

    disk.suspend()
    begun = time.monotonic()
    found = asking.condition("DiskStalled", "", lambda c: "work[" in c.message)
    seen = time.monotonic() - begun
    init = pod.init_pid()
    assert (found.reason, found.severity) == ("Suspended", SEVERITY_CRITICAL)
    what = f"(device-mapper {NAME} on {PARTITION}), mounted at {MOUNT}, is suspended"
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
    assert not task.HasField("io_delay")
    assert asking.blocked().io_delay_absent_reason == "unsupported: kernel.task_delayacct is 0"
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
    the_kernel_says_so_too(now.name, init, guest, asking)

    pace.holds("a device suspended under a pod's volume")
    crowd.send(b"\n")
    asking.condition("TasksBlocked", "", lambda c: f"{CROWD} of lab-crowd.service" in c.message)
    waits = until(
        lambda: cpu if (cpu := asking.cpu()).blocked >= CROWD and _idles(cpu) else None,
        SECONDS,
        "they are the load, and idle CPUs wait for io",
        lambda: str(asking.cpu()),
    )
    assert waits.blocked > waits.runnable
    assert 0.99 < sum(getattr(waits.shares, each.name) for each in SHARES) < 1.01
    assert waits.shares.steal == 0  # an emulated CPU has no clock for it
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
    requests_without_end(remote, pod, asking, figures)
    saturated(disk, pod, asking, figures, pace)
    pod.stop(0)


def _idles(cpu: CPUReport) -> bool:
    """Waiting for io, as the kernel has it: what is idle while some task that slept there waits."""
    return cpu.shares.iowait > cpu.shares.idle


def the_kernel_says_so_too(device: str, init: int, guest: Guest, asking: Asking) -> None:
    """Its watchdog of hung tasks, made quick, writes of the task into the log, and is believed; who
    writes of the disk in the kernel's words from user space is not.
    """
    sysctl = "/proc/sys/kernel/hung_task"
    guest.write("/dev/kmsg", f"<3>Buffer I/O error on dev {device}, logical block 7, forged")
    guest.run(f"echo 10 > {sysctl}_warnings; echo {HUNG_SECONDS} > {sysctl}_timeout_secs")

    def said() -> KernelFault | None:
        found = asking.blocked(pod="stuck").said
        return next((each for each in found if each.pid == init), None)

    try:
        fault = until(said, SECONDS, "the kernel says so", lambda: guest.run("dmesg | tail").out)
    finally:
        guest.run(f"echo 120 > {sysctl}_timeout_secs")
    line = f"INFO: task work:{init} blocked for more than "
    assert (fault.kind, fault.comm, fault.device) == ("hung_task", "work", "")
    assert fault.text.startswith(line)
    assert fault.hung.ToSeconds() >= HUNG_SECONDS
    asking.condition("TasksBlocked", "", lambda c: any(line in each.value for each in c.evidence))
    counted = asking.metric("nodewitness_kernel_log_errors_total", kind="hung_task", device="")
    assert counted >= fault.count
    shown = guest.run(["nodectl", "blocked", "--pod", "stuck"], check=False).out
    assert line in " ".join(shown.split())
    assert not [each for each in asking.devices().said if "forged" in each.text]


def requests_without_end(
    remote: RemoteDisk, container: Container, asking: Asking, figures: list[str]
) -> None:
    """The disk beneath has requests in flight and ends none, and nobody has suspended it: it is the
    cause, not what lies on its partition; who waits is the same pod. Then it answers again.
    """
    guest = asking.guest
    with remote.silent():
        begun = time.monotonic()
        # One request on top is several beneath, of which the last may have ended a look later.
        begins = f"{DISK} (disk) has "
        found = asking.condition(
            "DiskStalled", "", lambda c: c.message.startswith(begins) and "work[" in c.message
        )
        seen = time.monotonic() - begun
        init = container.init_pid()
        assert (found.reason, found.severity) == ("NoCompletion", SEVERITY_CRITICAL)
        assert "in flight and has ended none for" in found.message
        assert f"work[{init}] of default/stuck main" in found.message
        disks = {each.name: each for each in asking.devices().disks}
        beneath = disks[DISK]
        assert (beneath.stalled, beneath.suspended) == (True, False)
        assert beneath.in_flight > 0
        assert beneath.stuck.ToSeconds() >= AFTER
        task = until(
            lambda: next((t for t in asking.blocked(pod="stuck").tasks if t.pid == init), None),
            SECONDS,
            "its task is blocked",
            lambda: str(asking.blocked()),
        )
        assert task.wchan
        assert asking.metric("nodewitness_disk_stalled", device=DISK) == 1
        shown = guest.run(["nodectl", "io"], check=False)
        row = next(each for each in shown.out.splitlines() if each.startswith(f"{DISK} "))
        assert (shown.exit_code, "STALLED for " in row) == (1, True)
        figures.append(
            f"disk, requests without an end: told after {seen:.1f} s, in {task.wchan}:"
            f" {found.message}"
        )
    for name in ("DiskStalled", "TasksBlocked"):
        asking.condition(name, "", status=CONDITION_STATUS_FALSE)
    again = next(each for each in asking.devices().disks if each.name == DISK)
    assert not again.stalled


def saturated(
    disk: SlowDisk, container: Container, asking: Asking, figures: list[str], pace: StatusPace
) -> None:
    """The pod writes and syncs all the time, and its io.max lets nearly nothing through: all pods
    that have work wait for a disk, and this is the one.
    """
    disk.limit_writes(container.pod.group.directory, TRICKLE)

    def waits() -> bool:
        found = asking.pods(pod="stuck")
        return bool(found) and found[0].usage.io_pressure.waiting_ratio > 0.5

    until(waits, SECONDS, "it waits for its quota of io", lambda: str(asking.pods(pod="stuck")))
    pace.holds("a pod that saturates its io.max")
    found = asking.condition("IOStall", "", lambda c: "default/stuck main" in c.message)
    assert "who waits most: default/stuck main" in found.message
    own = next(each for each in found.evidence if each.what == "default/stuck main")
    assert own.source == f"{container.group.path}/io.pressure"
    figures.append(f"io: {found.message}")
    disk.limit_writes(container.pod.group.directory, UNLIMITED)


def etcd_on_a_slow_disk(
    disk: SlowDisk, guest: Guest, asking: Asking, figures: list[str], pace: StatusPace
) -> None:
    """A stand-in for etcd that syncs all the time: its device is found, and nothing is said until
    each write takes too long.
    """
    etcd = etcd_stand_in(guest, MOUNT)
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
        assert (list(slow.beneath), list(known.devices)) == ([PARTITION], [name, DISK])
        disk.delay_writes(DELAY_MS)
        found = asking.condition("EtcdDiskSlow", "", lambda c: c.reason == "Slow")
        assert f"{name} (device-mapper {NAME}) takes" in found.message
        assert f"on which etcd[{etcd.pid}] syncs {MOUNT}" in found.message
        slowest = asking.metrics("nodewitness_etcd_disk_latency_seconds", device=name)
        assert max(seconds for _, seconds in slowest) >= 0.1
        said = guest.run(["nodectl", "io"], check=False).out
        assert f"etcd[{etcd.pid}] syncs {MOUNT} on {name}, " in said
        figures.append(f"etcd, each write {DELAY_MS} ms later: {found.message}")
        pace.holds("etcd on a delayed disk")
    finally:
        etcd.close()
    asking.condition("EtcdDiskSlow", "", status=CONDITION_STATUS_FALSE)


def shim_on_a_slow_disk(
    disk: SlowDisk, pods: Pods, asking: Asking, figures: list[str], pace: StatusPace
) -> None:
    """A shim unmounts what lies on its container's rootfs, here a disk that is suspended: its init
    is dead, StopContainer hangs all the same, and the shim's thread is named, with its pod.
    """
    guest = pods.node.guest
    until(
        lambda: guest.run(["umount", MOUNT], check=False).exit_code == 0,
        SECONDS,
        "nobody uses the disk",
    )
    held = pods.create("held").container("main", ["/bin/work", "wait"])
    held.wait_ready()
    init = held.init_pid()
    shim = int(guest.read(f"/proc/{init}/stat").rpartition(")")[2].split()[1])
    rootfs = f"{TASKS}/{held.id}/rootfs"
    # Who takes a file system's last mount away writes its superblock, and waits for that.
    guest.run(["mount", f"/dev/mapper/{NAME}", rootfs])
    disk.suspend()
    try:
        begun = time.monotonic()
        with pytest.raises(grpc.RpcError) as error:
            pods.node.cri.call("StopContainer", seconds=6, container_id=held.id, timeout="0")
        assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        found = asking.condition("ShimBlocked", "held", lambda c: f"[{shim}" in c.message)
        seen = time.monotonic() - begun
        assert "in state D in" in found.message
        assert any(evidence.what == "wchan" for evidence in found.evidence)
        told = next(each for each in asking.runtime().shims if each.pid == shim)
        assert (told.pod_namespace, told.pod) == ("default", "held")
        thread = told.blocked[0]
        assert thread.state == "D"
        assert thread.wchan
        assert thread.HasField("since")
        assert asking.metric("nodewitness_runtime_shims", state="blocked") == 1
        (line,) = (
            line
            for line in guest.run(["nodectl", "runtime"], check=False).out.splitlines()
            if "default/held" in line
        )
        assert line.startswith(f"{shim} ")
        assert " in " in line
        figures.append(
            f"shim: told after {seen:.1f} s, its first thread is in state {told.state}:"
            f" {found.message}"
        )
        pace.holds("a shim in state D")
    finally:
        disk.resume()
    asking.condition("ShimBlocked", "held", status=CONDITION_STATUS_FALSE)
    held.wait_exited()


def test_a_failing_disk(guest: Guest, asking: Asking, figures: list[str]) -> None:
    """Each request fails: the kernel's lines are told of the device, and that it gives up the file
    system is a condition of its own, until it is unmounted.
    """
    with slow_disk(guest) as disk:
        failing_disk(disk, guest, asking, figures)
    asking.condition("FilesystemFailed", "", status=CONDITION_STATUS_FALSE)


def failing_disk(disk: SlowDisk, guest: Guest, asking: Asking, figures: list[str]) -> None:
    """The journal cannot be written: the file system is read-only. A block cannot be read."""

    def mounted() -> str:
        known = device(asking)
        return known.name if known is not None and known.mounts else ""

    name = until(mounted, SECONDS, "the disk is known, and where it is mounted")
    assert not asking.conditions(types=["FilesystemFailed"], statuses=[CONDITION_STATUS_TRUE])
    write = f"date > {MOUNT}/g; sync -f {MOUNT}"
    guest.run(write)  # it has read its directory: without that nothing is ever written
    disk.fail()

    def given_up() -> Condition | None:  # by the second that writes: the first loses the journal
        guest.run(write, check=False)
        found = asking.conditions(types=["FilesystemFailed"], statuses=[CONDITION_STATUS_TRUE])
        return next(iter(found), None)

    found = until(
        given_up,
        SECONDS,
        "the file system is given up",
        lambda: guest.run("dmesg | tail -n 40").out,
    )
    assert (found.reason, found.severity) == ("ReadOnly", SEVERITY_CRITICAL)
    assert found.message.startswith(f"{name} (device-mapper {NAME}")
    assert f", mounted at {MOUNT}, has a file system that takes no more writes: " in found.message
    assert f"EXT4-fs ({name}): Remounting filesystem read-only" in found.message
    figures.append(f"disk, each request fails: {found.message}")

    def lost() -> KernelFault | None:
        guest.run(f"dd if=/dev/mapper/{NAME} of=/dev/null bs=4k skip=4096 count=64", check=False)
        faults = asking.devices().said
        return next((f for f in faults if (f.kind, f.device) == ("buffer", name)), None)

    fault = until(lost, SECONDS, "a block is not read", lambda: guest.run("dmesg | tail").out)
    assert fault.text.startswith(f"Buffer I/O error on dev {name}, logical block ")
    errors = asking.condition("DiskErrors", "")
    assert errors.severity == SEVERITY_WARNING
    assert name in errors.message
    assert asking.metric("nodewitness_kernel_log_errors_total", kind="buffer", device=name) >= 1
    assert asking.metric("nodewitness_kernel_log_errors_total", kind="read_only", device=name) >= 1
    shown = guest.run(["nodectl", "io"], check=False).out
    assert f"EXT4-fs ({name}): Remounting filesystem read-only" in " ".join(shown.split())
