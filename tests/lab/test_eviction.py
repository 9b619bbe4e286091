"""Before the kill: the kubelet's own arithmetic on a real kernel (beside a real kubelet:
test_real_kubelet.py).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from agent.api.v1.exits_pb2 import STOP_REASON_EVICTION, VERDICT_GRACE_EXCEEDED
from agent.api.v1.memory_pb2 import Headroom, MemoryReport
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods

SECONDS = 120.0
MIB = 1 << 20
TOP = "/run/lab/pretended"
CONFIG = f"{TOP}/config.yaml"
ROOT = f"{TOP}/root"
ROOT_MIB = 64
TAKEN_MIB = 300
AVAILABLE = """
def fields(path):
    return {k.rstrip(":"): int(v) for k, v, *_ in map(str.split, open(path)) if v.isdigit()}
stat, info = fields("/sys/fs/cgroup/memory.stat"), fields("/proc/meminfo")
print(info["MemTotal"] * 1024 - (stat["anon"] + stat["file"] - stat["inactive_file"]))
"""
IMAGES = "/var/lib/containerd"
LEAKED_IMAGES = f"{IMAGES}/lab-leak"
ROOMS = f"""
import json, os
images = os.statvfs("{IMAGES}")
limits = [int(open(f"/proc/sys/kernel/{{name}}").read()) for name in ("pid_max", "threads-max")]
tasks = int(open("/proc/loadavg").read().split()[3].partition("/")[2])
print(json.dumps([images.f_bavail * images.f_frsize, images.f_ffree, min(limits) - tasks]))
"""
LEAK_MIB, FILES, FILE_BYTES = 500, 600, 80 << 10
TAKES = {
    "memory.available": LEAK_MIB * MIB,
    "nodefs.available": ROOT_MIB * MIB * 3 // 4,
    "nodefs.inodesFree": FILES,
    "imagefs.available": FILES * FILE_BYTES,
    "imagefs.inodesFree": FILES,
    "pid.available": FILES,
}
"""Until the threshold is crossed, a minute or somewhat more: the memory comes first."""
# By the clock, however slow the machine is: 8 MiB, 8 files in each directory, 8 threads a second.
LEAK = f"""
import threading, time
threading.stack_size(1 << 16)
ever = threading.Event()
held, made, begun = [], 0, time.monotonic()
while True:
    passed = time.monotonic() - begun
    while len(held) < min(passed * 8, {LEAK_MIB + 200}):
        held.append(bytes([len(held) % 255 + 1]) * (1 << 20))
    while made < min(passed * 8, {FILES + 150}):
        made += 1
        for directory in ("{ROOT}", "{LEAKED_IMAGES}"):
            with open(f"{{directory}}/{{made}}", "wb") as file:
                file.write(bytes({FILE_BYTES}))
        threading.Thread(target=ever.wait, daemon=True).start()
    time.sleep(0.1)
"""


def available(guest: Guest) -> int:
    """memory.available by a script of the test's own, in the newer form."""
    return int(guest.run(["python3", "-c", AVAILABLE]).out)


@contextmanager
def pretended_kubelet(guest: Guest, threshold: int, more: str = "") -> Iterator[None]:
    """A process of that name and with such flags, and a root directory of 64 MiB and 1000 inodes;
    `more` hard thresholds.
    """
    guest.run(f"mkdir -p {ROOT} && mount -t tmpfs -o size={ROOT_MIB}m,nr_inodes=1000 none {ROOT}")
    guest.write(f"{TOP}/kubelet", "#!/bin/sh\nsleep 100000 &\nwait\n")
    guest.write(
        CONFIG,
        "kind: KubeletConfiguration\n"
        f"evictionHard: {{memory.available: '{threshold}', nodefs.available: 25%{more}}}\n"
        f"evictionSoft: {{memory.available: {threshold + 20 * MIB}}}\n"
        "evictionSoftGracePeriod: {memory.available: 1m30s}\n",
    )
    guest.run(f"chmod +x {TOP}/kubelet")
    argv = [f"{TOP}/kubelet", f"--config={CONFIG}", "--root-dir", ROOT]
    process = guest.start(argv, cgroup="system.slice/kubelet.service")
    try:
        yield
    finally:
        process.close()
        guest.run(f"umount {ROOT}; rm -rf {TOP}", check=False)


def of(memory: MemoryReport, signal: str, *, hard: bool = True) -> Headroom:
    """The headroom of a signal."""
    [found] = [h for h in memory.headrooms if h.signal == signal and h.threshold.hard == hard]
    return found


def test_memory_falls_below_the_threshold(
    pods: Pods, agent: AgentProcess, guest: Guest, figures: list[str]
) -> None:
    """Thresholds are read and named; what falls is seen to fall, and crossed, and it ends."""
    threshold = available(guest) - TAKEN_MIB * MIB
    with pretended_kubelet(guest, threshold):
        agent.start()
        asking = Asking(agent)
        memory = until(
            lambda: m if (m := asking.memory()).kubelet.config else None,
            SECONDS,
            "the configuration is read",
            lambda: str(asking.memory()),
        )
        assert memory.kubelet.config == CONFIG
        assert memory.kubelet.root_directory == ROOT
        assert memory.node.assumed  # a shell script tells no version
        hard, soft = of(memory, "memory.available"), of(memory, "memory.available", hard=False)
        assert hard.threshold.source == soft.threshold.source == f"config {CONFIG}"
        assert (hard.threshold.amount, soft.threshold.grace.seconds) == (threshold, 90)
        assert not hard.HasField("crossed_since")
        disk = of(memory, "nodefs.available")
        assert (disk.path, disk.capacity) == (ROOT, ROOT_MIB * MIB)
        assert disk.threshold.amount == ROOT_MIB * MIB // 4
        assert of(memory, "pid.available", hard=False).available > 0
        images = of(memory, "imagefs.available", hard=False)
        assert images.path.startswith("/var/lib/containerd/")  # as the runtime says
        assert 0 < images.available <= images.capacity

        def agrees() -> int | None:
            ours = of(asking.memory(), "memory.available").available
            by = abs(ours - available(guest))
            return by + 1 if by < 8 * MIB else None

        by = until(agrees, SECONDS, "our number is the kernel's of the same moment") - 1
        figures.append(f"memory.available: {by / MIB:.1f} MiB from a script's own, one after other")

        argv = ["/bin/work", "eat", str(TAKEN_MIB + 100)]
        eater = pods.create("eater").container("main", argv)
        memory = until(
            lambda: m if crossed(m := asking.memory(), "memory.available") else None,
            SECONDS,
            "the threshold is crossed",
            lambda: str(asking.memory()),
        )
        assert of(memory, "memory.available").headroom < 0
        assert of(memory, "memory.available", hard=False).HasField("crossed_since")
        assert asking.metric(
            "nodewitness_eviction_threshold_crossed", signal="memory.available", threshold="hard"
        )
        assert "CROSSED" in guest.run(["nodectl", "memory"]).out
        memory = until(  # they are put in order every five seconds
            lambda: m if (m := asking.memory()).eaters and m.eaters[0].pod == "eater" else None,
            SECONDS,
            "the one who ate it comes first",
            lambda: str(asking.memory()),
        )
        assert (memory.eaters[0].container, memory.eaters[0].container_id) == ("main", eater.id)
        named = "; eaten by default/eater main (+"
        asking.condition("EvictionThresholdCrossed", "", lambda c: named in c.message)

        guest.run(f"head -c {56 * MIB} /dev/zero > {ROOT}/full")
        full = until(  # the agent may have looked while it was being filled
            lambda: h if (h := of(asking.memory(), disk.signal)).available <= 8 * MIB else None,
            SECONDS,
            "nodefs is full",
            lambda: str(asking.memory()),
        )
        assert full.HasField("crossed_since")
        asking.condition("EvictionThresholdCrossed", "", lambda c: "nodefs" in str(c))

        eater.stop(1)  # as the kubelet evicts: its containers, then the sandbox
        pods.node.cri.call("StopPodSandbox", pod_sandbox_id=eater.pod.sandbox_id)
        death = asking.exit("eater", lambda found: found.stop_reason == STOP_REASON_EVICTION)
        assert death.verdict == VERDICT_GRACE_EXCEEDED
        pods.remove_all()
        guest.run(f"rm {ROOT}/full")
        until(
            lambda: not any(h.HasField("crossed_since") for h in asking.memory().headrooms),
            SECONDS,
            "nothing is crossed any more",
            lambda: str(asking.memory()),
        )


class Falling:
    """What is told of the signals that fall: half way, and when they are crossed."""

    def __init__(self, asking: Asking, takes: dict[str, int]) -> None:
        self._asking = asking
        self._takes = takes
        self.told: dict[str, tuple[float, float]] = {}
        """Seconds left, and the time in seconds at which they were."""
        self.took: dict[str, float] = {}
        self.imminent: dict[str, str] = {}
        """Messages of EvictionImminent, by reason."""

    def look(self) -> bool:
        """Look once more; whether all of them are crossed."""
        memory = self._asking.memory()
        for found in self._asking.conditions(types=["EvictionImminent"]):
            self.imminent.setdefault(found.reason, found.message)
        at = memory.at.ToNanoseconds() / 1e9
        for signal, takes in self._takes.items():
            hard = of(memory, signal)
            if hard.HasField("crossed_since"):
                assert signal in self.told, (signal, memory)
                crossed = hard.crossed_since.ToNanoseconds() / 1e9
                self.took.setdefault(signal, crossed - self.told[signal][1])
                continue
            near = hard.headroom < takes * 0.45 and hard.trend.window.seconds >= 30
            if near and hard.HasField("time_left") and signal not in self.told:
                self.told[signal] = (hard.time_left.ToMilliseconds() / 1000, at)
        return len(self.took) == len(self._takes)


def test_time_left_is_right(guest: Guest, agent: AgentProcess, figures: list[str]) -> None:
    """Leaks of constant slope, of memory, of bytes and inodes of both file systems, and of tasks:
    half way, the time that is told is the time that it takes.
    """
    threshold = available(guest) - LEAK_MIB * MIB  # the agent itself takes some of it
    space, inodes, tasks = json.loads(guest.run(["python3", "-c", ROOMS]).out)
    more = (
        f", nodefs.inodesFree: {1000 - FILES}, imagefs.available: {space - FILES * FILE_BYTES}"
        f", imagefs.inodesFree: {inodes - FILES}, pid.available: {tasks - FILES}"
    )
    with pretended_kubelet(guest, threshold, more):
        agent.start()
        asking = Asking(agent)
        until(lambda: asking.memory().kubelet.config, SECONDS, "the configuration is read")
        guest.run(["mkdir", LEAKED_IMAGES])
        leak = guest.start(["python3", "-c", LEAK])
        falling = Falling(asking, TAKES)
        try:
            until(
                falling.look,
                300.0,
                "all thresholds are crossed",
                lambda: f"{falling.told} {falling.took} {asking.memory()}",
                every=0.5,
            )
            asking.condition(
                "EvictionThresholdCrossed", "", lambda c: all(s in c.message for s in TAKES)
            )
        finally:
            leak.close()
            guest.run(["rm", "-rf", LEAKED_IMAGES])
        near = falling.imminent["Memory"]
        assert near.startswith("memory.available ")
        assert "at this slope" in near
        for signal, (told, _) in falling.told.items():
            took = falling.took[signal]
            figures.append(
                f"time to the eviction threshold of {signal}: told {told:.0f} s, took {took:.0f} s"
            )
            # The 20 % of a container's own limit (test_usage.py), and two looks: a crossing is seen
            # at one, a second apart or more, and so is what is told.
            assert abs(told - took) < 0.2 * took + 2, (signal, falling.told, falling.took)


def crossed(memory: MemoryReport, signal: str) -> bool:
    """Whether its hard threshold is crossed."""
    return of(memory, signal).HasField("crossed_since")
