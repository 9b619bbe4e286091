"""A container runtime that does not answer, in every way: the rung is named, and who is behind."""

import time
from collections.abc import Callable

import pytest

from agent.api.v1.condition_pb2 import CONDITION_STATUS_FALSE, SEVERITY_CRITICAL
from agent.api.v1.runtime_pb2 import (
    RUNG_STATE_OK,
    RUNG_STATE_SILENT,
    RUNG_STATE_UNTRIED,
    RuntimeReport,
    RuntimeStep,
)
from tests.lab.agent_process import CODE, AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import CONTAINERD_CGROUP, Node
from tests.lab.pods import remove_sandbox
from tests.lab.scenarios.runtime import stopped
from tests.lab.status_pace import StatusPace

SECONDS = 180
DEADLINE_SECONDS = 2
SETTINGS = {"runtime.interval": "1s", "runtime.version_deadline": f"{DEADLINE_SECONDS}s"}
SELDOM = {"runtime.interval": "10s"}
UNRESPONSIVE = "RuntimeUnresponsive"
SOCKET = "/run/containerd/containerd.sock"
TASKS = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"
FAKE_SOCKET = "/run/lab/fake.sock"
DELAYS = "/proc/sys/kernel/task_delayacct"
ROOT_DISK = "/dev/vda"
WAITED_MS = 50
# One of its threads, not the first, has waited so long for the disk.
FAKE = f"""
import mmap, os, threading
from concurrent import futures
import grpc
from agent.api.cri.v1 import runtime_pb2 as pb
from agent.api.cri.v1.runtime_pb2_grpc import RuntimeServiceServicer as Base
from agent.api.cri.v1.runtime_pb2_grpc import add_RuntimeServiceServicer_to_server as add

class Runtime(Base):
    def Version(self, request, context):
        return pb.VersionResponse(runtime_name="fake", runtime_version="1")
    def Status(self, request, context):
        print("Status", flush=True)
        if os.path.exists("{FAKE_SOCKET}.hangs"):
            threading.Event().wait()
        return pb.StatusResponse()
    def ListPodSandbox(self, request, context):
        return pb.ListPodSandboxResponse()

def waited():
    with open("/proc/thread-self/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[39])

def read():
    disk, into = os.open("{ROOT_DISK}", os.O_RDONLY | os.O_DIRECT), mmap.mmap(-1, 1 << 20)
    while waited() < {WAITED_MS // 10}:
        os.preadv(disk, [into], 0)
    threading.Event().wait()

threading.Thread(target=read, daemon=True).start()
server = grpc.server(futures.ThreadPoolExecutor(8))
add(Runtime(), server)
server.add_insecure_port("unix:{FAKE_SOCKET}")
server.start()
print("up", flush=True)
server.wait_for_termination()
"""
RUNGS = ["socket", "connect", "version", "status", "list"]


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    """The agent, running, and not as patient as by default, but with pauses between its probes."""
    agent.start(SETTINGS | SELDOM)
    return Asking(agent)


def step(report: RuntimeReport, rung: str) -> RuntimeStep:
    return next(step for step in report.steps if step.rung == rung)


def runtime(asking: Asking, wanted: Callable[[RuntimeReport], bool], what: str) -> RuntimeReport:
    """The report, once it is so."""

    def found() -> RuntimeReport | None:
        report = asking.runtime()
        return report if wanted(report) else None

    return until(found, SECONDS, what, lambda: str(asking.runtime()))


def well(report: RuntimeReport) -> bool:
    return [s.state for s in report.steps] == [RUNG_STATE_OK] * len(RUNGS)


def test_stopped(pods: Pods, node: Node, guest: Guest, asking: Asking, figures: list[str]) -> None:
    """SIGSTOP: that is told at once; Version is the rung, since it comes between two probes, and
    what is not read lies in the kernel's queues; one question is open all the time, and its answer
    tells how late it came.
    """
    pods.create("well")
    report = runtime(asking, lambda r: well(r) and r.shims_known, "all rungs hold")
    assert [s.rung for s in report.steps] == RUNGS
    assert report.name == "containerd"
    assert report.process.pid == node.containerd.pid
    assert report.process.comm == "containerd"
    assert {c.type for c in report.conditions} == {"RuntimeReady", "NetworkReady"}
    assert report.queues.pending == 0
    assert report.queues.backlog > 0
    assert report.queues.connections > 0
    assert not report.HasField("former")
    assert not report.process.HasField("blkio_delay")  # the kernel does not count it
    assert not asking.conditions(types=[UNRESPONSIVE])

    pace = StatusPace(guest, figures)
    listed = step(report, "list").answers
    runtime(asking, lambda r: step(r, "list").answers > listed, "a probe has just ended")
    with stopped(node):
        begun = time.monotonic()
        asking.condition(UNRESPONSIVE, "", lambda c: c.reason == "Stopped")
        seen = time.monotonic() - begun
        found = asking.condition(UNRESPONSIVE, "", lambda c: "Version has waited" in c.message)
        assert (found.reason, found.severity) == ("Stopped", SEVERITY_CRITICAL)
        assert f"containerd[{node.containerd.pid}] is stopped (state T)" in found.message
        report = asking.runtime()
        assert [s.state for s in report.steps] == [
            RUNG_STATE_OK,
            RUNG_STATE_OK,
            RUNG_STATE_SILENT,
            RUNG_STATE_UNTRIED,
            RUNG_STATE_UNTRIED,
        ]
        silent = step(report, "version")
        assert silent.took.ToMilliseconds() >= 1000 * DEADLINE_SECONDS
        assert report.queues.pending >= 1
        assert report.queues.unread_bytes > 0
        said = guest.run(["nodectl", "runtime"], check=False)
        assert said.exit_code == 1
        assert "UNRESPONSIVE" in said.out
        assert f"containerd[{node.containerd.pid}] is STOPPED (T)" in said.out
        assert asking.metric("nodewitness_runtime_rung_failing", rung="version") == 1
        pace.holds("containerd stopped")
        later = runtime(
            asking,
            lambda r: step(r, "version").took.seconds >= silent.took.seconds + DEADLINE_SECONDS,
            "the same question is still open",
        )
        before, after = silent, step(later, "version")
        assert (after.answers, after.silences) == (before.answers, before.silences)
    asking.condition(UNRESPONSIVE, "", status=CONDITION_STATUS_FALSE)
    late = step(runtime(asking, well, "all rungs hold again"), "version")
    took = late.answers_took.ToMilliseconds() / 1000
    assert late.answers > after.answers
    assert took >= after.took.seconds
    figures.append(f"runtime: SIGSTOP is told after {seen:.1f} s: {found.message}")
    figures.append(
        f"runtime: Version's answers took {took:.1f} s together, the late one among them"
    )


def test_gone(
    pods: Pods, node: Node, guest: Guest, agent: AgentProcess, figures: list[str]
) -> None:
    """Killed: by whom. The file of its socket deleted while it runs. A shim of a sandbox that it
    has lost. OOM-killed: by the ledger. Each is over when it is over, and the restarts are counted.
    """
    lost = pods.create("lost")
    agent.start(SETTINGS)
    asking = Asking(agent)
    first = runtime(asking, well, "all rungs hold").process.pid
    pace = StatusPace(guest, figures)

    guest.run(f"kill -9 {first}")
    node.containerd.wait(SECONDS)
    found = asking.condition(UNRESPONSIVE, "", lambda c: "signal 9" in c.message)
    assert found.reason == "Dead"
    assert "connections are refused: nobody listens" in found.message
    assert f"containerd[{first}] is gone" in found.message
    assert "signal 9 killed it, by sh[" in found.message
    figures.append(f"runtime: {found.message}")
    pace.holds("containerd killed")
    task = f"{TASKS}/{lost.sandbox_id}"
    guest.run(f"umount -l {task}/rootfs; rm -rf {task}")
    node.start_containerd()
    asking.condition(UNRESPONSIVE, "", status=CONDITION_STATUS_FALSE)
    report = runtime(asking, well, "all rungs hold")
    assert (report.restarts, report.process.pid) == (1, node.containerd.pid)
    assert (report.former.pid, report.former.signal) == (first, 9)

    guest.run(f"mv {SOCKET} {SOCKET}.aside")
    found = asking.condition(UNRESPONSIVE, "", lambda c: c.reason == "NoSocket")
    assert f"{SOCKET}: No such file or directory" in found.message
    assert f"containerd[{node.containerd.pid}] runs" in found.message
    pace.holds("containerd's socket deleted")
    guest.run(f"mv {SOCKET}.aside {SOCKET}")
    asking.condition(UNRESPONSIVE, "", status=CONDITION_STATUS_FALSE)

    remove_sandbox(node, lost.sandbox_id)
    report = runtime(asking, lambda r: any(s.orphan for s in r.shims), "the shim is an orphan")
    (shim,) = (shim for shim in report.shims if shim.orphan)
    assert (shim.sandbox_id, shim.namespace) == (lost.sandbox_id, "k8s.io")
    assert asking.metric("nodewitness_runtime_shims", state="orphan") == 1
    assert "orphan" in guest.run(["nodectl", "runtime"]).out
    pace.holds("an orphan shim")
    lost.group.kill()
    guest.run(f"kill -9 {shim.pid}", check=False)
    runtime(asking, lambda r: not any(s.orphan for s in r.shims), "it is gone")

    second = node.containerd.pid
    group = f"/sys/fs/cgroup/{CONTAINERD_CGROUP}"
    guest.run(f"echo 4M > {group}/memory.max", check=False)
    try:
        node.containerd.wait(SECONDS)
    finally:
        guest.run(f"echo max > {group}/memory.max")
    killed = asking.condition("RuntimeOOMKilled", "")
    assert killed.reason == "DaemonKilled"
    assert killed.message.startswith(f"containerd[{second}] of containerd.service was killed")
    found = asking.condition(UNRESPONSIVE, "", lambda c: c.reason == "OOMKilled")
    assert f"containerd[{second}] is gone" in found.message
    assert "the kernel OOM-killed it" in found.message
    figures.append(f"runtime: {killed.message}")
    pace.holds("containerd OOM-killed")
    node.start_containerd()
    asking.condition(UNRESPONSIVE, "", status=CONDITION_STATUS_FALSE)
    report = runtime(asking, well, "all rungs hold")
    assert (report.restarts, report.former.oom_killed) == (2, True)


def test_hangs_on_status(guest: Guest, agent: AgentProcess, figures: list[str]) -> None:
    """A socket that answers Version and no more: Status is the rung, and one question is open. How
    long its threads have waited for a disk is told while the kernel counts that.
    """
    hangs = f"{FAKE_SOCKET}.hangs"
    guest.run(["rm", "-f", hangs])
    guest.write("/run/lab/fake.py", FAKE)
    guest.write(DELAYS, "1")
    fake = guest.start(
        ["env", f"PYTHONPATH={CODE}:/opt/nodewitness", "python3", "/run/lab/fake.py"]
    )
    try:
        until(lambda: "up" in fake.out, SECONDS, "it serves", lambda: fake.err)
        agent.start(SETTINGS | {"runtime.status_deadline": "1s", "sources.cri_socket": FAKE_SOCKET})
        asking = Asking(agent)
        runtime(asking, well, "all rungs hold")
        told = runtime(asking, lambda r: r.process.HasField("blkio_delay"), "its delay is told")
        assert told.process.pid == fake.pid
        assert told.process.blkio_delay.ToMilliseconds() >= WAITED_MS
        shown = guest.run(["nodectl", "runtime"], check=False).out
        assert "waited for block io" in " ".join(shown.split())
        pace = StatusPace(guest, figures)
        silences = step(asking.runtime(), "status").silences
        guest.run(["touch", hangs])
        found = asking.condition(UNRESPONSIVE, "", lambda c: c.reason == "StatusFails")
        assert "fake answers up to Version and hangs: Status has waited for" in found.message
        assert f"[{fake.pid}] runs (state" in found.message
        report = asking.runtime()
        assert step(report, "version").state == RUNG_STATE_OK
        assert step(report, "status").state == RUNG_STATE_SILENT
        assert step(report, "list").state == RUNG_STATE_UNTRIED
        longer = step(report, "status").took.seconds + 3
        report = runtime(asking, lambda r: step(r, "status").took.seconds >= longer, "it waits on")
        assert step(report, "status").silences == silences + 1
        pace.holds("a runtime that hangs on Status")
    finally:
        fake.close()
        guest.write(DELAYS, "0")
