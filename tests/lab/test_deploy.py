"""The pods of deploy/, as their manifests say them, beside others: they serve, see and are told of.
Each catches the same faults: a kill, a CNI call that hangs, a disk that stops answering.

What the hardened overlay does not see is what docs/install.md says.
"""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from copy import deepcopy
from pathlib import Path

import pytest

from agent import __version__
from agent.api.v1.cni_pb2 import CNICall
from agent.api.v1.condition_pb2 import (
    CONDITION_STATUS_FALSE,
    CONDITION_STATUS_UNKNOWN,
    SEVERITY_CRITICAL,
)
from agent.api.v1.io_pb2 import BlockedTask
from agent.api.v1.oom_pb2 import (
    LIMIT_LEVEL_CONTAINER,
    OUTCOME_SURVIVED,
    TRUTH_YES,
    WITNESS_KMSG,
    WITNESS_TRACE,
    WITNESS_VMSTAT,
    OOMIncident,
)
from agent.api.v1.status_pb2 import Source
from agent.install import HOME, LINK
from agent.nodectl.exits import Exit
from tests.certificates import Authority
from tests.deploy.kustomize import Resource, pod_template, the
from tests.deploy.manifests import applied
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.deployed import START_SECONDS, DeployedPod, without_the_labs_own
from tests.lab.guest import Guest
from tests.lab.image import image_size, import_image
from tests.lab.kubelet import Pods
from tests.lab.machines import SYSTEMD
from tests.lab.manifest import NODE_NAME, ManifestPod
from tests.lab.node import Node
from tests.lab.scenarios.case import Case
from tests.lab.scenarios.container_limit import child_over_limit
from tests.lab.scenarios.slow_disk import MOUNT, NAME, SlowDisk, slow_disk
from tests.lab.stories import assert_story, fire
from tests.lab.test_cni import CONFIG, PLUGINS, gate, in_flight, use_plugin
from tests.lab.truth import Books

# Where systemd is PID 1, as on nodes, mounts are shared: the manifests rely on it.
pytestmark = pytest.mark.machine(SYSTEMD)

MIB = 1 << 20
SEES_SECONDS = 120.0
NOT_IN_THE_LAB = {"connections", "healthz", "kubelet"}
OF_THE_LOG = ["DiskErrors", "FilesystemFailed"]
"""The conditions that nothing but the kernel's log tells."""
CONTAINERD = "/etc/containerd/config.toml"
PROFILE = "cri-containerd.apparmor.d"
GATE = "/run/lab/deploy-gate"
HANG = f"""\
#!/bin/sh
case "$CNI_COMMAND $CNI_ARGS" in
"ADD "*K8S_POD_NAME=hung*) read line < {GATE} ;;
esac
exec {PLUGINS}/bridge
"""
Deploy = Callable[..., DeployedPod]


@pytest.fixture
def configured(guest: Guest, node: Node) -> Iterator[str]:
    """The text of the CNI configuration, which is put back."""
    text = guest.read(CONFIG)
    try:
        yield text
    finally:
        guest.run(["rm", "-f", f"{PLUGINS}/hang"])
        guest.write(CONFIG, text)
        until(node.network_ready, SEES_SECONDS, "the runtime has its network again")


@pytest.fixture
def deploy(
    node: Node, pods: Pods, guest: Guest, configured: str, tmp_path: Path
) -> Iterator[Deploy]:
    """Run the pod of some manifests until it serves; all of it is gone at the end."""
    import_image(guest)
    made: list[DeployedPod] = []

    def run(resources: list[Resource], kind: str = "DaemonSet") -> DeployedPod:
        made.append(DeployedPod(node, resources, Authority(tmp_path / "ca"), kind))
        return made[-1]

    with without_the_labs_own(guest):
        try:
            yield run
        finally:
            for one in made:
                one.close()
            node.start_containerd()
            pods.remove_all()
            guest.run("rm -rf /var/lib/kubelet/pods /etc/nodewitness-tls", check=False)
            guest.run("rmdir /var/lib/kubelet", check=False)


def unseeing(asking: Asking) -> set[str]:
    """The sources that do not see."""
    return {s.name for s in asking.status().sources if s.state != Source.STATE_UP}


def cost(what: str, began: float, asking: Asking) -> str:
    own = asking.status().self
    took = time.monotonic() - began
    return (
        f"{what}: serves {took:.1f} s after its sandbox was asked for,"
        f" {own.resident_bytes / MIB:.1f} MiB resident"
    )


def catches_stalls(asking: Asking, pods: Pods, configured: str, figures: list[str]) -> None:
    """With the manifest's own patience, at the same time: a CNI plugin that hangs, and a task that
    waits for a suspended disk; both named with their pods and with where they wait; and their end.
    """
    guest = pods.node.guest
    use_plugin(guest, pods.node, configured, "hang", HANG)
    with slow_disk(guest) as disk:
        argv = ["/bin/work", "write", "/data/f", "0"]
        mounts = [{"host_path": MOUNT, "container_path": "/data"}]
        writer = pods.create("stuck").container("main", argv, mounts=mounts)
        init = writer.init_pid()
        until(lambda: guest.exists(f"{MOUNT}/f"), SEES_SECONDS, "it writes")
        assert not asking.conditions(types=["CNIStalled", "DiskStalled", "TasksBlocked"])
        with ThreadPoolExecutor(max_workers=1) as pool, gate(guest, GATE):
            made = pool.submit(pods.create, "hung", host_network=False)
            begun = time.monotonic()
            task = blocked(asking, disk, init)
            told = time.monotonic() - begun
            call = hanging(asking)
            figures.append(
                f"deployed pod: a blocked task is told after {told:.0f} s, a CNI call that hangs"
                f" after {time.monotonic() - begun:.0f} s"
            )
            assert call.wait.wchan == guest.read(f"/proc/{call.pid}/wchan")
            assert task.wchan in guest.read(f"/proc/{task.pid}/stack")
            for command in (["cni", "--running"], ["blocked", "--pod", "stuck"]):
                assert guest.run(["nodectl", *command], check=False).exit_code == Exit.FINDING
            disk.resume()
            guest.run(f"echo > {GATE}")
            made.result()
        for name in ("CNIStalled", "DiskStalled", "TasksBlocked"):
            asking.condition(name, "", status=CONDITION_STATUS_FALSE)
        writer.stop(0)


def blocked(asking: Asking, disk: SlowDisk, init: int) -> BlockedTask:
    """The disk is suspended, and that init waits for it: the task as it is told, and its disk."""
    disk.suspend()
    stalled = asking.condition("DiskStalled", "", lambda c: f"work[{init}]" in c.message)
    assert (stalled.reason, stalled.severity) == ("Suspended", SEVERITY_CRITICAL)
    assert f"device-mapper {NAME} on " in stalled.message
    assert f"mounted at {MOUNT}, is suspended" in stalled.message
    assert f"work[{init}] of default/stuck main" in stalled.message
    asking.condition("TasksBlocked", "", lambda c: f"work[{init}]" in c.message)

    def stacked() -> BlockedTask | None:  # it may have moved on to another place meanwhile
        tasks = asking.blocked(pod="stuck").tasks
        return next((task for task in tasks if task.stack and task.wchan in task.stack[0]), None)

    task = until(stacked, SEES_SECONDS, "its stack is read", lambda: str(asking.blocked()))
    assert (task.pid, task.container.pod, task.container.name) == (init, "stuck", "main")
    return task


def hanging(asking: Asking) -> CNICall:
    """The ADD of the pod as it is told: whose it is, and that nothing goes on without it."""
    call = in_flight(asking, "hung", "hang")
    assert (call.pod.namespace, call.pod.pod, call.wait.state) == ("default", "hung", "S")
    words = f"hang[{call.pid}] (ADD for default/hung)"
    found = asking.condition("CNIStalled", "", lambda c: c.reason == "Wedged")
    assert words in found.message
    assert found.severity == SEVERITY_CRITICAL
    return call


def test_privileged(
    deploy: Deploy, pods: Pods, node: Node, guest: Guest, configured: str, figures: list[str]
) -> None:
    """The DaemonSet sees all; killed, it loses nothing; what it has left on the host outlives it
    and the runtime: nodectl, and an agent for a kill that nobody saw; the clean-up leaves nothing.
    """
    began = time.monotonic()
    deployed = deploy(applied()["privileged"])
    asking = Asking(deployed.agent)
    figures.append(cost("DaemonSet, privileged", began, asking))
    figures.append(image_size())
    tree = guest.run(["du", "-sm", f"{HOME}/{__version__}"]).out.split()[0]
    figures.append(f"the tree on the host: {tree} MiB on disk")
    assert deployed.probed()
    status = asking.status()
    assert status.identity.node == NODE_NAME
    print(deployed.said)
    until(lambda: unseeing(asking) == NOT_IN_THE_LAB, SEES_SECONDS, "all is seen")
    unknown = [CONDITION_STATUS_UNKNOWN]
    until(
        lambda: not asking.conditions(types=OF_THE_LOG, statuses=unknown),
        SEES_SECONDS,
        "what the log tells is known",
        lambda: str(asking.conditions(types=OF_THE_LOG)),
    )

    case = child_over_limit(pods)
    kernel, _ = fire(case, asking)
    incident = asking.closed("child-oom")
    assert_story(incident, case, kernel)
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    assert asking.kills("child-oom", "survived") == 1
    catches_stalls(asking, pods, configured, figures)

    before = asking.settled()
    missed = child_over_limit(pods, name="missed")
    deployed.agent.container.group.kill()
    unseen = missed.fire()
    deployed.replace()
    assert missed.before is not None
    asking.balanced(before, missed.before, unseen)
    assert_story(asking.closed("missed"), missed, unseen)
    assert asking.closed("child-oom").id == incident.id

    from_the_hosts_shell(deployed, pods, asking, figures)

    (job,) = applied()["cleanup"]
    pods.remove_all()
    container = ManifestPod(node, job["spec"]["template"], name="cleanup", config_maps={}).start(
        "cleanup"
    )
    assert container.wait_exited().get("exit_code", 0) == 0
    said = container.log()
    assert "removed  trace instance nodewitness-" in said
    assert f"removed  {LINK}" in said
    assert not guest.exists(str(LINK))
    assert not guest.exists(f"{HOME}/{status.identity.version}")


def from_the_hosts_shell(
    deployed: DeployedPod, pods: Pods, asking: Asking, figures: list[str]
) -> None:
    """The runtime is dead, the pod is dead, and a kill falls: nodectl says which command helps, and
    that one, started by hand, tells the pod's kills and this one.
    """
    node, guest = pods.node, pods.node.guest
    dark = child_over_limit(pods, name="dark")
    before = asking.settled()
    node.stop_containerd(signal.SIGKILL)
    deployed.agent.container.group.kill()
    dead = guest.run(["nodectl", "oom", "--timeout", "60s"], check=False)
    assert (dead.exit_code, dead.out) == (Exit.NO_AGENT, "")
    agent = [f"{HOME}/{__version__}/bin/nodewitness", "run"]
    assert " ".join(agent) in dead.err
    assert guest.run(["nodectl", "explain", "HiddenOOMKill"]).out.startswith("HiddenOOMKill")
    unseen = dark.fire()
    begun = time.monotonic()
    with closing(guest.start(agent)) as process:
        until(deployed.agent.serving, START_SECONDS, "it serves", lambda: process.err)
        figures.append(f"by hand on the host: serves after {time.monotonic() - begun:.1f} s")
        assert not node.containerd.running()
        assert dark.before is not None
        asking.balanced(before, dark.before, unseen)
        assert_story(asking.incident("dark"), dark, unseen)
        said = guest.run(["nodectl", "oom", "--timeout", "60s"], check=False)
        print(said.out)
        assert said.exit_code == Exit.OK
        for pod in ("child-oom", "missed", "dark"):
            assert pod in said.out
        process.signal(signal.SIGTERM)
        assert process.wait(START_SECONDS).exit_code == 0
    node.start_containerd()


def test_hardened(
    deploy: Deploy, pods: Pods, guest: Guest, configured: str, figures: list[str]
) -> None:
    """With listed capabilities alone the kill is told by name, without the kernel's log; what only
    that tells is not there, and is said to be unknown: disks that fail.
    """
    began = time.monotonic()
    deployed = deploy(applied()["hardened"])
    asking = Asking(deployed.agent)
    figures.append(cost("DaemonSet, hardened", began, asking))
    assert deployed.probed()
    wanted = {"kmsg", *NOT_IN_THE_LAB}
    until(lambda: unseeing(asking) == wanted, SEES_SECONDS, "all but the log is seen")
    shown = guest.run(["nodectl", "status", "--timeout", "60s"], check=False)
    assert "absent" in next(line for line in shown.out.splitlines() if "kmsg" in line)
    print(shown.out)
    for name in OF_THE_LOG:
        asking.condition(name, "", status=CONDITION_STATUS_UNKNOWN)

    case = child_over_limit(pods)
    kernel, _ = fire(case, asking)
    incident = asking.closed("child-oom")
    print(incident)
    assert_story_without_kmsg(incident, case, kernel)
    assert asking.kills("child-oom", "survived") == 1
    catches_stalls(asking, pods, configured, figures)


@pytest.fixture
def confining(node: Node, guest: Guest) -> Iterator[None]:
    """The runtime confines containers, as it does wherever AppArmor is on unless it is told not
    to: with its default profile.
    """
    assert guest.read("/sys/module/apparmor/parameters/enabled") == "Y\n"
    text = guest.read(CONTAINERD)
    off = "disable_apparmor = true"
    assert text.count(off) == 1
    try:
        configure_containerd(node, text.replace(off, "disable_apparmor = false"))
        yield
    finally:
        configure_containerd(node, text)


def configure_containerd(node: Node, text: str) -> None:
    node.stop_containerd()
    node.guest.write(CONTAINERD, text)
    node.start_containerd()


@pytest.mark.usefixtures("confining")
def test_where_apparmor_confines(deploy: Deploy, pods: Pods, node: Node, guest: Guest) -> None:
    """Without its exemption the init container does not reach the host, says so and does not fail;
    with what each overlay gives it, it installs nodectl. The agent sees what it sees elsewhere.
    """
    hardened, privileged = (
        deepcopy(pod_template(the("DaemonSet", applied()[name])))
        for name in ("hardened", "privileged")
    )
    (container,) = hardened["spec"]["initContainers"]
    assert container["securityContext"].pop("appArmorProfile") == {"type": "Unconfined"}
    said = installs(node, hardened, "confined")
    assert said.startswith("left     /proc/1/root: Permission denied; "), said
    assert not guest.exists(str(LINK))
    made = f"made     {HOME}/{__version__}\n"
    pods.remove_all()
    assert made in installs(node, privileged, "privileged")
    assert guest.exists(str(LINK))
    pods.remove_all()
    guest.run(["rm", "-r", str(LINK), f"{HOME}/{__version__}"])

    deployed = deploy(applied()["hardened"])
    assert made in deployed.said["nodectl"]
    asking = Asking(deployed.agent)
    wanted = {"kmsg", *NOT_IN_THE_LAB}
    until(lambda: unseeing(asking) == wanted, SEES_SECONDS, "all but the log is seen")
    case = child_over_limit(pods)
    (agent, *_), init = deployed.agent.container.group.pids(), case.the_container.init_pid()
    confined = {pid: guest.read(f"/proc/{pid}/attr/current") for pid in (agent, init)}
    assert confined == {agent: "unconfined\n", init: f"{PROFILE} (enforce)\n"}
    kernel, _ = fire(case, asking)
    assert_story_without_kmsg(asking.closed("child-oom"), case, kernel)


def installs(node: Node, template: Resource, name: str) -> str:
    """What the init container of this pod says; it has not failed."""
    container = ManifestPod(node, template, name=name, config_maps={}).start("nodectl")
    status = container.wait_exited()
    assert status.get("exit_code", 0) == 0, (status, container.log())
    return container.log()


def assert_story_without_kmsg(incident: OOMIncident, case: Case, kernel: Books) -> None:
    """Who, where, at whose limit."""
    expected, container = case.expected, case.the_container
    (victim,) = incident.victims
    assert {victim.pid} == kernel.victims
    assert victim.comm == "work"
    assert victim.cgroup == expected.victim_group.path
    assert {WITNESS_VMSTAT, WITNESS_TRACE} <= set(victim.witnesses)
    assert WITNESS_KMSG not in victim.witnesses
    assert victim.anon_rss_bytes > 0  # of the tracepoint: Debian's 6.1 has what came with 6.8
    assert incident.limit_level == LIMIT_LEVEL_CONTAINER
    assert incident.limit_cgroup == expected.limit_group.path
    assert incident.limit_bytes == expected.limit_bytes
    names = incident.container
    assert (names.namespace, names.pod, names.name) == ("default", "child-oom", "main")
    assert names.id == container.id
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)


def test_static_pod(
    deploy: Deploy, pods: Pods, guest: Guest, configured: str, figures: list[str]
) -> None:
    """The same pod without an API server, with the host's own file of settings: it serves, and
    tells a kill, here under cAdvisor's name too.
    """
    guest.run("mkdir -p /etc/nodewitness")
    guest.write("/etc/nodewitness/config.toml", "[serve]\ncadvisor_names = true\n")
    deployed = deploy(applied()["static-pod"], "Pod")
    asking = Asking(deployed.agent)
    assert deployed.probed()
    case = child_over_limit(pods)
    kernel, _ = fire(case, asking)
    assert_story(asking.closed("child-oom"), case, kernel)
    labels = {"namespace": "default", "pod": "child-oom", "container": "main"}
    assert asking.kills("child-oom", "survived") == 1
    assert asking.metric("container_oom_events_total", **labels) == 1
    name = "container_memory_events_oom_kill_total"

    def swept() -> bool:
        return [value for _, value in asking.metrics(name, **labels)] == [kernel.counted]

    until(swept, SEES_SECONDS, "the next sweep")
    catches_stalls(asking, pods, configured, figures)
