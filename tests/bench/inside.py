"""In the guest: the sweep of many cgroups against a C program that reads the same files.

    python3 -m tests.bench.inside CONTAINERS ROUNDS

Makes the cgroups (two containers a pod, a sleeping process in each) with bundles that name them, as
many as are not there yet, and leaves them. Then C and Python take turns, round by round. Prints one
line of JSON, times in milliseconds.
"""

import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.derive.usage import UsageFold
from agent.host.cgroup_fs import CgroupFs, open_cgroup_fs
from agent.host.clock import HostClock
from agent.host.root import HostRoot
from agent.model.cgroup import CgroupPlace
from agent.observe.sweep import Sweeper
from agent.observe.swept import SweptV2
from agent.parse.cgroup_path import place

ROOT = Path("/sys/fs/cgroup")
BUNDLES = Path("/run/lab/bundles")
READER = "/run/lab/sweep"
# What a full sample reads besides what is kept; the limits that hardly change are left out.
FULL = (
    *("memory.swap.current", "memory.peak", "memory.events", "cgroup.events", "io.stat"),
    *("cpu.pressure", "io.pressure", "pids.current", "cpu.max", "memory.max"),
)


class Tree:
    """Follows all cgroups below kubepods, as the agent does."""

    changes = 0

    def __init__(self, fs: CgroupFs) -> None:
        self._fs = fs

    def followed(self) -> Iterator[tuple[CgroupPlace, int]]:
        return ((place(path), inode) for path, inode in self._fs.scan("/kubepods"))


class Seconds(HostClock):
    """A clock on which one second passes from one sweep to the next, however long it takes: a
    tenth of the cgroups is read in full in each.
    """

    now_ns = 0

    def boottime_ns(self) -> int:
        return super().boottime_ns() and self.now_ns


def populate(containers: int) -> None:
    """Pods of two containers, named by bundles."""
    for number in range(containers):
        uid = str(uuid.UUID(int=0x6B1F_0C7E_1111_4222_8333_0000_0000_0000 + number // 2))
        identity = hashlib.sha256(str(number).encode()).hexdigest()
        pod = ROOT / "kubepods" / "burstable" / f"pod{uid}"
        if not pod.exists():
            pod.mkdir()
            (pod / "cgroup.subtree_control").write_text("+memory +cpu +io +pids")
        if (pod / identity).exists():
            continue
        (pod / identity).mkdir()
        (pod / identity / "memory.max").write_text(str(1 << 30))
        (pod / identity / "cpu.max").write_text("50000 100000")
        pid = os.posix_spawn("/bin/sleep", ["sleep", "1000000"], {})
        (pod / identity / "cgroup.procs").write_text(str(pid))
        bundle = BUNDLES / identity
        bundle.mkdir(parents=True)
        annotations = {
            "io.kubernetes.cri.container-type": "container",
            "io.kubernetes.cri.container-name": "app" if number % 2 else "sidecar",
            "io.kubernetes.cri.sandbox-namespace": "production",
            "io.kubernetes.cri.sandbox-name": f"order-processor-5566778899-{number // 2:05}",
            "io.kubernetes.cri.sandbox-uid": uid,
        }
        (bundle / "config.json").write_text(json.dumps({"annotations": annotations}))


class Reader:
    """The C program, with the files of the sweeper's cgroups in the same order."""

    def __init__(self, sweeper: Sweeper) -> None:
        lines = []
        for at, member in enumerate(sweeper._members.values()):
            directory = ROOT / member.swept._place.path.strip("/")  # type: ignore[attr-defined]
            lines += [f"kept {directory / n}" for n in SweptV2.HOT if (directory / n).exists()]
            lines += [f"{at} {directory / n}" for n in FULL if (directory / n).exists()]
        self.kept = sum(line.startswith("kept") for line in lines)
        self._process = subprocess.Popen(
            [READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._say("\n".join([*lines, "go"]))

    def ms(self, what: str, sweep: int) -> float:
        """One sweep of it; `what` is "k" or "s"."""
        self._say(f"{what} {sweep}")
        assert self._process.stdout is not None
        return int(self._process.stdout.readline()) / 1e6

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")


def ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - begun) / 1e6


def main() -> None:
    containers, rounds = map(int, sys.argv[1:])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, 65_536),) * 2)
    populate(containers)
    fs = open_cgroup_fs(
        HostRoot(proc=Path("/proc"), sys=Path("/sys"), run=Path("/run"), root=Path("/"))
    )
    clock = Seconds()
    sweeper = Sweeper(fs, clock, Tree(fs), is_sandbox=lambda key: False)
    fold = UsageFold()

    def sweep(seconds: int = 1) -> None:
        clock.now_ns += seconds * 1_000_000_000
        for _ in sweeper.steps():
            pass
        assert sweeper.latest is not None
        fold.observe(sweeper.latest)

    for _ in range(3 * 10):  # limits are known, rates too
        sweep()
    members = list(sweeper._members.values())
    reader = Reader(sweeper)
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        kept = ms(lambda: [member.swept.files.hot() for member in members])
        kept_c = reader.ms("k", number)
        unchanged, whole_c = ms(sweep), reader.ms("s", number)
        for member in members:  # as if every file had changed
            member.swept._hot = [b""] * len(SweptV2.HOT)  # type: ignore[attr-defined]
        whole = ms(sweep)
        full = ms(lambda: sweep(10))  # that long after the one before: all are read in full
        for name, value in (
            ("kept_c_ms", kept_c),
            ("kept_python_ms", kept),
            ("sweep_c_ms", whole_c),
            ("sweep_python_ms", whole),
            ("sweep_python_unchanged_ms", unchanged),
            ("sweep_python_full_ms", full),
            ("reading_ratio", kept / kept_c),
            ("sweep_ratio", whole / whole_c),
            ("sweep_unchanged_ratio", unchanged / whole_c),
        ):
            found.setdefault(name, []).append(value)
    result: dict[str, float] = {name: statistics.median(all_) for name, all_ in found.items()}
    result |= {"cgroups": len(members), "kept_files": reader.kept}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
