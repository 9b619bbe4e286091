"""python -m tests.lab.record_kubelet KUBELET VERSION FILE

Boots a node, runs that kubelet on it (tools/kubelet.sh builds one) while memory and disk fill, and
writes what its /stats/summary says beside what the kernel's files said in the same second: the
recordings of tests/derive/captured.
"""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.lab.__main__ import say
from tests.lab.build import build
from tests.lab.guest import Guest
from tests.lab.machine import Machine
from tests.lab.machines import CGROUPFS
from tests.lab.node import Node
from tests.lab.real_kubelet import RealKubelet

SECONDS = 400.0
INSTANTS = 4
_SAMPLER = """
import json, os, threading, time, urllib.request

def read(path):
    with open(path) as file:
        return file.read()

def sample():
    while True:
        kubepods = "/sys/fs/cgroup/kubepods/"
        samples.append({
            "at": time.time(),
            "meminfo": read("/proc/meminfo"),
            "memory.stat": read("/sys/fs/cgroup/memory.stat"),
            "kubepods": {n: read(kubepods + n) for n in ("memory.max", "memory.current")},
            "kubepods.stat": read(kubepods + "memory.stat"),
            "statvfs": {path: [getattr(os.statvfs(path), "f_" + name) for name in (
                "frsize", "blocks", "bfree", "bavail", "files", "ffree")] for path in (
                "/var/lib/kubelet", "/var/lib/containerd")},
            "pid": {n: read("/proc/" + n) for n in (
                "sys/kernel/pid_max", "sys/kernel/threads-max", "loadavg")},
        })
        time.sleep(0.2)

samples, summaries, eaten = [], [], []
threading.Thread(target=sample, daemon=True).start()
for step in range(40):
    url = "http://127.0.0.1:10255/stats/summary"
    summaries.append(json.load(urllib.request.urlopen(url, timeout=30))["node"])
    eaten.append(bytearray(os.urandom(1 << 20)) * 12)
    with open("/var/tmp/eaten%d" % step, "wb") as file:
        file.write(bytes(4 << 20))
    time.sleep(2)
print(json.dumps([samples, summaries]))
"""


def main() -> None:
    """Record."""
    program, version, target = sys.argv[1:4]
    with Machine(build(say, CGROUPFS), CGROUPFS) as machine:
        node = Node(Guest(machine.start()))
        try:
            node.up()
            kubelet = RealKubelet(node.guest, Path(program))
            kubelet.wait()
            done = node.guest.run(["python3", "-"], stdin=_SAMPLER.encode(), seconds=SECONDS)
            kernel = node.guest.run(["uname", "-r"]).out.strip()
            kubelet.close()
        finally:
            node.close()
    samples, summaries = json.loads(done.out)
    by_time = {summary["memory"]["time"]: summary for summary in summaries}
    instants = [found for s in by_time.values() if (found := _instant(s, samples)) is not None]
    step = max(1, len(instants) // INSTANTS)
    recording = {
        "kubelet": version,
        "kernel": kernel,
        "instants": instants[::step][:INSTANTS],
    }
    Path(target).write_text(json.dumps(recording, indent=1) + "\n")


def _instant(node: Any, samples: list[Any]) -> Any | None:
    """The summary of one instant and the samples of its second; None if there are not two."""
    then = datetime.fromisoformat(node["memory"]["time"]).timestamp()
    near = [sample for sample in samples if then - 0.3 <= sample["at"] <= then + 1.3]
    if len(near) < 2:
        return None
    middle = near[len(near) // 2]
    [pods] = [group for group in node["systemContainers"] if group["name"] == "pods"]
    disk = ("time", "availableBytes", "capacityBytes", "inodesFree", "inodes")
    summary = {
        "memory": _some(
            node["memory"], "time", "availableBytes", "usageBytes", "workingSetBytes", "rssBytes"
        ),
        "fs": _some(node["fs"], *disk),
        "runtime": {"imageFs": _some(node["runtime"]["imageFs"], *disk)},
        "rlimit": node["rlimit"],
        "systemContainers": [
            {
                "name": "pods",
                "memory": _some(pods["memory"], "time", "availableBytes", "workingSetBytes"),
            }
        ],
    }
    return {
        "summary": {"node": summary},
        "root": [
            {
                "meminfo": _lines(sample["meminfo"], "MemTotal:", "MemFree:", "MemAvailable:"),
                "memory.stat": _lines(
                    sample["memory.stat"],
                    *("anon", "file", "kernel", "shmem", "slab"),
                    *("inactive_anon", "active_anon", "inactive_file", "active_file"),
                ),
            }
            for sample in near
        ],
        "kubepods": {
            **middle["kubepods"],
            "inactive_file": int(_lines(middle["kubepods.stat"], "inactive_file").split()[1]),
        },
        "statvfs": middle["statvfs"],
        "pid": middle["pid"],
    }


def _some(values: Any, *keys: str) -> dict[str, Any]:
    return {key: values[key] for key in keys if key in values}


def _lines(text: str, *keys: str) -> str:
    return "".join(f"{line}\n" for line in text.splitlines() if line.split()[0] in keys)


if __name__ == "__main__":
    main()
