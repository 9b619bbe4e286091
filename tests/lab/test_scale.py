"""Many cgroups, exhausted inotify, overrun rings, hostile names: the books stay exact, and what was
lost is said.
"""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from agent.api.v1.oom_pb2 import LIMIT_LEVEL_CONTAINER
from agent.api.v1.status_pb2 import Source
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.groups import Group
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.scenarios.container_limit import child_over_limit
from tests.lab.scenarios.outside import service_over_limit
from tests.lab.stories import assert_story, fire
from tests.lab.truth import mark, oom_kill

SECONDS = 240.0
MIB = 1 << 20
UID = "0a1b2c3d-0000-4000-8000-{:012x}"
MANY = """
import os
root = "/sys/fs/cgroup/kubepods"
os.makedirs(root, exist_ok=True)
def hand_down(path):
    with open(path + "/cgroup.subtree_control", "w") as file:
        file.write("+memory")
hand_down("/sys/fs/cgroup")
hand_down(root)
for pod in range(200):
    path = "%s/pod0a1b2c3d-0000-4000-8000-%012x" % (root, pod)
    os.mkdir(path)
    hand_down(path)
    for container in range(10):
        os.mkdir("%s/%064x" % (path, pod * 16 + container + 1))
"""
NONE_OF_MANY = """
import os, glob
for path in glob.glob("/sys/fs/cgroup/kubepods/pod0a1b2c3d-*"):
    for below, _, _ in os.walk(path, topdown=False):
        os.rmdir(below)
"""
HOSTILE_COMM = "a\\n,task_memcg=/"
LEVEL = ",task_memcg=,task=x,pid=1,uid=0 pid=1 " + "n" * 210
EATER = f"""
import ctypes, os, sys
root = "/sys/fs/cgroup"
path = sys.argv[1]
os.makedirs(root + path)
here = root
for name in path.strip("/").split("/")[:3]:
    with open(here + "/cgroup.subtree_control", "w") as file:
        file.write("+memory")
    here += "/" + name
with open(here + "/memory.max", "w") as file:
    file.write("33554432")
with open(root + path + "/cgroup.procs", "w") as file:
    file.write("0")
ctypes.CDLL(None).prctl(15, b"{HOSTILE_COMM}", 0, 0, 0)
held = [bytearray(b"x" * (1 << 20)) for _ in range(64)]
"""


def source(asking: Asking, name: str) -> Source:
    (found,) = [row for row in asking.status().sources if row.name == name]
    return found


@contextmanager
def sysctl(guest: Guest, name: str, value: str) -> Iterator[None]:
    """Set for a while."""
    path = "/proc/sys/" + name.replace(".", "/")
    before = guest.read(path).strip()
    guest.write(path, f"{value}\n")
    try:
        yield
    finally:
        guest.write(path, f"{before}\n")


@contextmanager
def stopped(agent: AgentProcess) -> Iterator[None]:
    """The agent reads nothing for a while."""
    agent.process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        agent.process.signal(signal.SIGCONT)


def hostile_names(asking: Asking, guest: Guest) -> None:
    """A victim whose comm and cgroups imitate the kernel's lines, so long that the kernel cuts
    them: it is booked on its container, and nothing of it steers who reads.
    """
    container = f"/kubepods/pod{UID.format(4096)}/{4096:064x}"
    path = container + f"/{LEVEL}" * 5
    before, since = until(asking.nothing_pending, SECONDS, "nothing is pending"), mark(guest)
    try:
        guest.run(["python3", "-c", EATER, path], seconds=SECONDS, check=False)
        assert oom_kill(guest) == since.oom_kill + 1
        until(lambda: asking.books().victims > before.victims, SECONDS, "it is booked")
        books = until(asking.nothing_pending, SECONDS, "nothing is pending")
        assert books.balanced
        assert books.unattributed == before.unattributed
        (incident,) = asking.incidents(pod=UID.format(4096))
        assert incident.container.id == f"{4096:064x}"
        (victim,) = incident.victims
        assert victim.cgroup.startswith(container)
        assert victim.comm == "a\\x0a,task_memcg=/"
        table = guest.run("nodectl oom").out
        assert "\\x0a" in table
        assert "\n,task_memcg" not in table
        assert json.loads(guest.run("nodectl oom -o json").out)
        unattributed = asking.metric("nodewitness_oom_kills_unattributed_total")
        assert unattributed == before.unattributed - before.unattributed_before_start
    finally:
        guest.run(["python3", "-c", NONE_OF_MANY], seconds=SECONDS)


def test_two_thousand_cgroups(node: Node, asking: Asking, guest: Guest) -> None:
    """All are followed as they are made, and a kill in one of them is that one's. Among them, one
    whose names are made to deceive.
    """
    try:
        guest.run(["python3", "-c", MANY], seconds=SECONDS)
        until(lambda: asking.status().host.containers >= 2000, SECONDS, "all are followed")
        path = f"/kubepods/pod{UID.format(77)}/{77 * 16 + 5:064x}"
        before, kernel_before = asking.settled(), oom_kill(guest)
        group = Group(guest, path).make(16 * MIB)
        process = guest.start(["work", "eat", "64"], cgroup=path.removeprefix("/"))
        process.wait(SECONDS)
        process.close()
        until(lambda: asking.books().victims > before.victims, SECONDS, "it is booked")
        (incident,) = asking.incidents(pod=UID.format(77))
        assert incident.victims[0].cgroup == group.path
        assert incident.limit_level == LIMIT_LEVEL_CONTAINER
        books = until(asking.nothing_pending, SECONDS, "nothing is pending")
        assert books.balanced
        assert books.counted - before.counted == oom_kill(guest) - kernel_before
        assert source(asking, "memory.events").detail == ""
        hostile_names(asking, guest)
    finally:
        guest.run(["python3", "-c", NONE_OF_MANY], seconds=SECONDS)
    until(lambda: asking.status().host.containers < 100, SECONDS, "all are gone again")


def test_no_inotify(pods: Pods, agent: AgentProcess, guest: Guest) -> None:
    """The tree is polled and that is said; kills are booked; when there are instances again they
    are used, without a restart. The same for what finds no watch.
    """
    with sysctl(guest, "fs.inotify.max_user_instances", "0"):
        agent.start()
        asking = Asking(agent)
        said = source(asking, "memory.events")
        assert said.state == Source.STATE_UP
        assert "fs.inotify.max_user_instances" in said.detail
        case = child_over_limit(pods, name="no-instance")
        kernel, _ = fire(case, asking)
        assert_story(asking.closed("no-instance"), case, kernel)
    until(lambda: not source(asking, "memory.events").detail, SECONDS, "inotify is used again")
    case = child_over_limit(pods, name="instance")
    kernel, _ = fire(case, asking)
    assert_story(asking.closed("instance"), case, kernel)

    with sysctl(guest, "fs.inotify.max_user_watches", "1"):
        case = child_over_limit(pods, name="no-watch")
        until(
            lambda: "fs.inotify.max_user_watches" in source(asking, "memory.events").detail,
            SECONDS,
            "the bound is said",
        )
        kernel, _ = fire(case, asking)
        assert_story(asking.closed("no-watch"), case, kernel)
    until(lambda: not source(asking, "memory.events").detail, SECONDS, "all is watched again")


def kmsg_overrun(node: Node, asking: Asking, agent: AgentProcess, guest: Guest) -> None:
    """The kernel's log goes round before the agent reads a kill: the gap is told, and the kill is
    booked on what else has seen it.
    """
    flood = "import os; f = os.open('/dev/kmsg', os.O_WRONLY)\nfor n in range(6000): "
    flood += "os.write(f, b'<6>' + b'%06d ' % n + b'x' * 850 + bytes([10]))"
    case = service_over_limit(node, name="overrun")
    before = asking.settled()
    with sysctl(guest, "kernel.printk_devkmsg", "on"), stopped(agent):
        kernel = case.fire()
        guest.run(["python3", "-c", flood], seconds=SECONDS)
    until(lambda: source(asking, "kmsg").lost > 0, SECONDS, "the gap is told")
    assert case.before is not None
    asking.balanced(before, case.before, kernel)
    (incident,) = [found for found in asking.incidents() if found.unit == "overrun.service"]
    assert {victim.cgroup for victim in incident.victims} == {case.expected.victim_group.path}


def test_overruns(node: Node, agent: AgentProcess, guest: Guest) -> None:
    """Of the kernel's log and of the smallest rings: gaps are told, and the books are exact."""
    agent.start({"sources.trace_buffer_bytes": "64Ki"})
    asking = Asking(agent)
    trace_overrun(asking, agent, guest)
    kmsg_overrun(node, asking, agent, guest)


def trace_overrun(asking: Asking, agent: AgentProcess, guest: Guest) -> None:
    """More kills than the smallest rings hold, while the agent reads nothing: the gap is told, and
    the books are exact.
    """
    kills = 120
    pod = Group(guest, f"/kubepods/pod{UID.format(4097)}").make()
    guest.run(f"echo +memory > {pod.directory}/cgroup.subtree_control")
    path = f"{pod.path}/{4097:064x}"
    group = Group(guest, path).make(16 * MIB)
    before, since = until(asking.nothing_pending, SECONDS, "nothing is pending"), mark(guest)
    argv = ["work", "burst", str(kills), "64"]
    try:
        with stopped(agent):
            process = guest.start(argv, cgroup=path.removeprefix("/"))
            until(lambda: oom_kill(guest) - since.oom_kill >= kills, SECONDS, "all are killed")
            process.close()
        until(lambda: source(asking, "trace").lost > 0, SECONDS, "the gap is told")
        until(lambda: asking.books().counted == since.oom_kill + kills, SECONDS, "all are counted")
        books = until(asking.nothing_pending, SECONDS, "nothing is pending")
        assert books.balanced
        assert books.victims - before.victims == kills
        assert books.unattributed == before.unattributed
        told = [victim for found in asking.incidents() for victim in found.victims]
        assert sum(victim.cgroup == group.path for victim in told) == kills
    finally:
        guest.run(["python3", "-c", NONE_OF_MANY], seconds=SECONDS)
