"""What containers use: the sweep on a real kernel, over gRPC, /metrics and nodectl."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager

from agent.api.v1.containers_pb2 import CGROUP_STATE_RUNNING, ContainerUsage
from agent.api.v1.exits_pb2 import ContainerDeath
from agent.nodectl.exits import Exit
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.pods import Container
from tests.lab.status_pace import StatusPace

SECONDS = 120.0
NODECTL = ["nodectl", "--timeout", "30s"]
MIB = 1 << 20
LIMIT_MIB = 112
LIMIT_OF_POD_MIB = 400
EATEN_MIB = 40
LEAK_KIB = 1024  # a second
TOOTH_KIB, TOOTH_MIB = 1024, 40
"""Of 40 s, in which a line fits the shorter windows: only the fall before it says what it is."""
FITS_MIB = 28
"""Risen so far, a tooth was looked at in full, every 10 s, when a line had fitted."""
LEAKED_MIB = 90
"""Of the limit; a reading is some seconds old at most."""
TIGHT_MIB, HELD_MIB, READ_MIB, SWAPPED_MIB = 32, 16, 28, 8
"""What is read again and again is somewhat more than finds room beside what is held and not swapped
out: the page that is thrown out is soon wanted again, and for that is waited.
"""
# Opens the disk, which no container may, and goes into one's cgroup; then reads pages at random.
READER = """
import os, random
file = os.open("/dev/vda", os.O_RDONLY)
os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
with open("{directory}/cgroup.procs", "w") as procs:
    procs.write(str(os.getpid()))
print("reads", flush=True)
while True:
    os.pread(file, 4096, random.randrange({read_mib} << 8) << 12)
"""
SWAP_ON = """
set -e
modprobe zram
swapoff /dev/zram0 2> /dev/null || true
echo 1 > /sys/block/zram0/reset
echo 64M > /sys/block/zram0/disksize
mkswap /dev/zram0
swapon /dev/zram0
"""
SWAP_OFF = "swapoff /dev/zram0; echo 1 > /sys/block/zram0/reset; rmmod zram"
STALLS = ("cpu_pressure_some", "memory_pressure_full", "io_pressure_full")
QUOTA = "20000 100000"
NAMES = ["saw", "steady", "throttled", "tight"]


def one(asking: Asking, pod: str, name: str) -> ContainerUsage | None:
    """The container of this pod and name, once it has rates."""
    found = [each for each in asking.containers(pod=pod) if each.container == name]
    assert len(found) <= 1, found
    return found[0] if found and found[0].usage.HasField("rates_over") else None


def measured(asking: Asking, pod: str, name: str) -> ContainerUsage:
    return until(
        lambda: one(asking, pod, name),
        SECONDS,
        f"{pod} {name} has rates",
        lambda: str(asking.containers(sandboxes=True, services=True)),
    )


def memory_stat(container: Container) -> dict[str, int]:
    """By the kernel's file, read here."""
    lines = container.group.read("memory.stat").splitlines()
    return {key: int(value) for key, value in map(str.split, lines)}


def working_set(container: Container) -> int:
    """By the kernel's files, read here."""
    current = int(container.group.read("memory.current"))
    return current - memory_stat(container)["inactive_file"]


@contextmanager
def swapped(guest: Guest, container: Container) -> Iterator[None]:
    """A part of what it holds is in the node's swap, of which it gets no more; at the end there is
    no swap.
    """
    at = container.group.directory
    guest.run(SWAP_ON)
    try:

        def out() -> bool:
            guest.run(
                f"echo max > {at}/memory.swap.max; echo 2M > {at}/memory.reclaim", check=False
            )
            return int(container.group.read("memory.swap.current")) >= SWAPPED_MIB * MIB

        until(out, SECONDS, "it is swapped out", lambda: str(memory_stat(container)))
        guest.write(f"{at}/memory.swap.max", "0")
        yield
    finally:
        guest.run(SWAP_OFF, check=False)


@contextmanager
def squeezed(guest: Guest, container: Container) -> Iterator[None]:
    """A process in it reads more of a disk than its limit has room for."""
    source = READER.format(directory=container.group.directory, read_mib=READ_MIB)
    with swapped(guest, container), closing(guest.start(["python3", "-c", source])) as reader:
        reader.wait_out("reads", SECONDS)
        yield


def thrashes(asking: Asking, container: Container, figures: list[str]) -> None:
    """At its limit again and again, and nothing is killed; all of its figures are the kernel's."""
    found = asking.condition("ReclaimThrash", "busy", lambda c: c.entity.names.name == "tight")
    assert found.reason == "AtLimit"
    assert "times at its limit in 10 s and nothing killed" in found.message
    figures.append(f"reclaim at the limit: {found.message}")
    before = container.group.memory_events()

    def read_in_full() -> ContainerUsage | None:
        seen = measured(asking, "busy", "tight")
        usage = seen.usage
        waits = usage.memory_pressure.waiting_ratio > 0.1 and usage.io_pressure.waiting_ratio > 0
        late = usage.memory.limit_hits >= before["max"] and usage.io.read_bytes >= READ_MIB * MIB
        return seen if late and waits and usage.io.read_bytes_per_second > 0 else None

    seen = until(read_in_full, SECONDS, "all of it is read", lambda: str(asking.containers()))
    usage, events = seen.usage, container.group.memory_events()
    assert usage.memory.limit_hits <= events["max"]
    assert usage.pids == 2
    assert (usage.memory.oom_kills, events["oom_kill"]) == (0, 0)
    assert usage.memory.high_hits == events["high"] == 0
    assert usage.memory.swap == int(container.group.read("memory.swap.current"))
    assert usage.memory.swap >= SWAPPED_MIB * MIB
    assert usage.io.reads >= usage.io.read_bytes / (128 << 10)
    assert metric(asking, "memory_swap_bytes", "busy", "tight") == usage.memory.swap
    assert metric(asking, "memory_limit_hits_total", "busy", "tight") >= before["max"]
    assert metric(asking, "io_read_bytes_total", "busy", "tight") >= READ_MIB * MIB


class Saw:
    """A sawtooth as it is told. Once two teeth have passed, no look may find a prediction."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._level = self._falls = 0
        self.risen = False
        """It was looked at when only the teeth before this one keep a line from being believed."""

    def look(self) -> bool:
        """Look once more; the same as `risen`."""
        seen = one(self._asking, "busy", "saw")
        if seen is not None:
            level = seen.usage.memory.working_set
            self._falls += level < self._level / 2
            self._level = level
            if self._falls >= 2:
                assert not seen.usage.memory.HasField("time_to_limit"), seen
                self.risen = self.risen or level >= FITS_MIB * MIB
        return self.risen


def metric(asking: Asking, name: str, pod: str, container: str) -> float:
    return asking.metric(
        f"nodewitness_container_{name}", namespace="default", pod=pod, container=container
    )


def died(asking: Asking, pod: str, name: str) -> ContainerDeath:
    """How this container ended."""

    def told() -> ContainerDeath | None:
        deaths = [death for death in asking.exits(pod=pod) if death.container.name == name]
        return deaths[0] if deaths else None

    return until(told, SECONDS, f"the death of {pod} {name}", lambda: str(asking.exits()))


def as_they_died(leak: ContainerDeath, steady: ContainerDeath) -> None:
    """Memory and pressure at the last reading before the end.

    One reading a second: it can fall into the moment in which the kernel takes the memory back,
    before it tells of the exit, and is less then. That it does so twice is not to be believed.
    """
    for death in (leak, steady):
        assert death.memory_limit == LIMIT_MIB * MIB, death
        assert 0 < death.memory_working_set <= LIMIT_MIB * MIB, death
        for name in ("memory_pressure_full", *(f"node_{stall}" for stall in STALLS)):
            assert death.HasField(name), (name, death)
    assert (
        leak.memory_working_set >= LEAKED_MIB * MIB or steady.memory_working_set >= EATEN_MIB * MIB
    ), (leak, steady)


def watched(guest: Guest) -> None:
    """`nodectl ps -w` prints again and again, until Ctrl-C."""
    with closing(guest.start([*NODECTL, "ps", "--pod", "busy", "-w"])) as watch:
        until(
            lambda: watch.out.count(" steady\n") >= 2,
            SECONDS,
            "the table is printed again",
            lambda: watch.out + watch.err,
        )
        watch.signal(signal.SIGINT)
        assert watch.wait(SECONDS).exit_code == Exit.INTERRUPTED


def as_listed(asking: Asking, guest: Guest) -> None:
    """The pod, its containers and the services of the node, as they are listed."""
    [found] = asking.pods(pod="busy")
    assert (found.containers, found.running) == (4, 4)
    assert found.usage.memory.limit == LIMIT_OF_POD_MIB * MIB
    assert found.usage.memory.working_set > EATEN_MIB * MIB
    services = {each.unit for each in asking.containers(services=True)}
    assert "containerd.service" in services
    listed = json.loads(guest.run(["nodectl", "ps", "--pod", "busy", "-o", "json"]).out)
    assert sorted(each["container"] for each in listed["containers"]) == NAMES
    shown = guest.run([*NODECTL, "pods"]).out
    assert re.search(rf" {LIMIT_OF_POD_MIB}Mi .* 4/4 .* default +busy$", shown, re.MULTILINE), shown
    watched(guest)


def test_what_containers_use(asking: Asking, pods: Pods, guest: Guest, figures: list[str]) -> None:
    """Memory is the kernel's own arithmetic, limits are the kernel's, throttling is seen; a leak
    is told when it hits its limit, a sawtooth is not; who works at his limit thrashes; what is gone
    is listed no more.
    """
    pace = StatusPace(guest, figures)
    pod = pods.create("busy", memory_max=LIMIT_OF_POD_MIB * MIB)
    steady = pod.container(
        "steady", ["/bin/work", "eat", str(EATEN_MIB)], memory_max=LIMIT_MIB * MIB
    )
    pod.container("throttled", ["/bin/work", "spin", "600"], unified={"cpu.max": QUOTA})
    teeth = [str(TOOTH_KIB), str(TOOTH_MIB)]
    pod.container("saw", ["/bin/work", "saw", *teeth], memory_max=48 * MIB)
    argv = ["/bin/work", "eat", str(HELD_MIB)]
    tight = pod.container("tight", argv, memory_max=TIGHT_MIB * MIB)

    def agrees() -> ContainerUsage | None:
        seen = measured(asking, "busy", "steady")
        by = abs(seen.usage.memory.working_set - working_set(steady))
        of_kernel = abs(seen.usage.memory.kernel - memory_stat(steady)["kernel"])
        return seen if by < MIB and of_kernel < 64 << 10 else None

    seen = until(agrees, SECONDS, "the working set and the kernel's memory are the kernel's")
    assert seen.usage.memory.kernel > 0
    assert EATEN_MIB * MIB <= seen.usage.memory.anon <= (EATEN_MIB + 4) * MIB
    assert seen.usage.memory.limit == LIMIT_MIB * MIB
    assert seen.usage.memory.peak >= seen.usage.memory.working_set
    assert not seen.usage.memory.HasField("time_to_limit")
    assert (seen.state, seen.init_pid) == (CGROUP_STATE_RUNNING, steady.init_pid())
    assert not seen.usage.cpu.HasField("limit_cores")
    assert seen.usage.pids == 1
    assert metric(asking, "memory_limit_bytes", "busy", "steady") == LIMIT_MIB * MIB
    told = metric(asking, "memory_working_set_bytes", "busy", "steady")
    assert abs(told - seen.usage.memory.working_set) < MIB

    def throttled() -> ContainerUsage | None:
        seen = measured(asking, "busy", "throttled")
        waits = seen.usage.cpu_pressure.waiting_ratio > 0.5
        return seen if waits and seen.usage.cpu.throttled_ratio > 0.5 else None

    seen = until(throttled, SECONDS, "throttling is seen, and that its task waits")
    assert seen.usage.cpu.limit_cores == 0.2
    assert 0.1 < seen.usage.cpu.cores < 0.3
    assert metric(asking, "cpu_cfs_throttled_seconds_total", "busy", "throttled") > 0
    asking.condition("CPUThrottled", "busy", lambda c: c.entity.names.name == "throttled")
    pace.holds("a throttled pod")

    with squeezed(guest, tight):
        as_listed(asking, guest)
        thrashes(asking, tight, figures)

    leak = pods.create("leaking").container(
        "main", ["/bin/work", "leak", str(LEAK_KIB), "300"], memory_max=LIMIT_MIB * MIB
    )

    saw = Saw(asking)

    def half_way() -> ContainerUsage | None:
        saw.look()
        seen = one(asking, "leaking", "main")
        if seen is None:
            return None
        memory = seen.usage.memory
        near = LIMIT_MIB * MIB / 2 <= memory.working_set < LIMIT_MIB * MIB * 3 / 4
        near = near and memory.HasField("time_to_limit")
        return seen if near else None

    seen = until(half_way, SECONDS, "the leak is told", lambda: str(asking.containers()))
    at = seen.usage.at.ToNanoseconds()
    told_seconds = seen.usage.memory.time_to_limit.ToMilliseconds() / 1000
    until(saw.look, SECONDS, "a tooth has risen", lambda: str(asking.containers(pod="busy")))
    killed = asking.closed("leaking").time.ToNanoseconds()
    took = (killed - at) / 1e9
    figures.append(
        f"time to the memory limit: told {told_seconds:.1f} s at"
        f" {seen.usage.memory.working_set / MIB:.0f} of {LIMIT_MIB} MiB, took {took:.1f} s"
    )
    assert abs(told_seconds - took) < 0.2 * took, (told_seconds, took, seen)
    assert leak.wait_exited()["exit_code"] == 137
    death = asking.exit("leaking")

    pods.remove_all()
    as_they_died(death, died(asking, "busy", "steady"))
    until(
        lambda: not asking.containers(sandboxes=True) and not asking.pods(),
        SECONDS,
        "nothing is listed any more",
        lambda: str(asking.containers(sandboxes=True)),
    )
    assert "No containers." in guest.run(["nodectl", "ps"]).out
