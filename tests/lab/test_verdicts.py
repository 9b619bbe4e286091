"""Why containers ended, on a real kernel and a real containerd (systemd-oomd: test_systemd.py)."""

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.api.v1 import exits_pb2 as pb
from agent.api.v1.condition_pb2 import ENTITY_KIND_NODE, SEVERITY_INFO, SEVERITY_WARNING
from agent.api.v1.exits_pb2 import ContainerDeath
from agent.api.v1.oom_pb2 import (
    CONFIDENCE_HIGH,
    CONFIDENCE_LOW,
    DISAGREEMENT_KERNEL_COUNTED_NONE,
    DISAGREEMENT_REPORTED_WITHOUT_DEATH,
)
from agent.parse.pressure import parse_pressure
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import EXIT_SECONDS, Asking
from tests.lab.deadline import until
from tests.lab.groups import Group
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.pods import Container, Pod
from tests.lab.scenarios.above_pods import kubepods_over_limit
from tests.lab.scenarios.case import MIB
from tests.lab.scenarios.container_limit import group_over_limit, init_over_limit
from tests.lab.scenarios.pod_limit import pod_over_limit

METRIC = "nodewitness_container_exits_total"
DISAGREEMENTS = "nodewitness_runtime_disagreements_total"
WAIT = ["/bin/work", "wait"]
NODECTL = ["nodectl", "--timeout", "30s"]
SOCKET = "/run/containerd/containerd.sock"
PUBLISH = ["containerd", "--address", SOCKET, "publish", "--namespace", "k8s.io"]


def ready(pods: Pods, name: str, argv: list[str], **fields: int) -> Container:
    """A pod with one container, which waits to be told to go on."""
    container = pods.create(name).container("main", argv, attempt=fields.get("attempt", 0))
    container.wait_ready()
    return container


def followed(asking: Asking, pod: str, container_id: str = "") -> None:
    """Wait until the agent knows the init of the pod's container: of whose end it is to hear."""
    until(
        lambda: any(
            each.HasField("init_pid")
            for each in asking.containers(pod=pod)
            if container_id in ("", each.container_id)
        ),
        EXIT_SECONDS,
        f"the agent follows {pod}",
        lambda: str(asking.containers(pod=pod)),
    )


def counted(asking: Asking, pod: str, verdict: str) -> None:
    """The death is in /metrics, once."""
    labels = {"namespace": "default", "pod": pod, "container": "main", "verdict": verdict}
    assert asking.metric(METRIC, **labels) == 1


def conditions(asking: Asking, pod: str) -> set[str]:
    """Which of the loops are told of a pod."""
    told = {found.type for found in asking.conditions(pod=pod)}
    return told & {"RestartStorm", "CrashLoop", "OOMLoop"}


def test_ended(pods: Pods, asking: Asking, guest: Guest) -> None:
    """From outside, by itself, by the OOM killer: one agent tells each of the others."""
    ended_from_outside(pods, asking, guest)
    ended_by_itself(pods, asking)
    ended_by_the_oom_killer(pods, asking)


def ended_from_outside(pods: Pods, asking: Asking, guest: Guest) -> None:
    """kill -9 from a shell, which is named; StopContainer, within the grace, and without any."""
    shot = ready(pods, "shot", [*WAIT, "sleep"])
    polite = ready(pods, "polite", ["/bin/work", "polite", "0", "wait"], attempt=4)
    for name in ("shot", "polite"):
        followed(asking, name)
    pid = shot.init_pid()
    shell = guest.start(["bash", "-c", f"kill -9 {pid}; read"])  # waits for its input
    polite.stop(60)
    removed = ready(pods, "at-once", [*WAIT, "sleep"])
    followed(asking, "at-once")
    removed.stop(0)
    death = asking.exit("shot")
    shell.close()
    assert (death.verdict, death.signal) == (pb.VERDICT_KILLED_BY_PROCESS, 9)
    assert (death.sender.pid, death.sender.comm) == (shell.pid, "bash")
    assert death.sender.cgroup.startswith("/system.slice/lab-")
    assert death.sender.unit.startswith("lab-")
    assert not death.sender.HasField("container")
    assert death.init_pid == pid
    assert death.container.id == shot.id
    assert set(death.witnesses) == {"connector", "signals", "memory.events", "cri"}
    assert death.runtime_says == "Error, exit code 137"
    assert death.confidence == CONFIDENCE_HIGH
    counted(asking, "shot", "killed-by-process")
    shown = guest.run([*NODECTL, "exits", "--pod", "shot"]).out
    row = rf"killed-by-process +SIGKILL +bash\[{shell.pid}\] in lab-.* Error, 137$"
    assert re.search(row, shown, re.MULTILINE), shown
    death = asking.exit("polite")
    assert (death.verdict, death.exit_code) == (pb.VERDICT_STOPPED_BY_RUNTIME, 0)
    assert death.stop_reason == pb.STOP_REASON_UNKNOWN
    assert death.HasField("term_boottime_ns")
    assert death.attempt == 4
    assert_runtime(death)
    pod = polite.pod
    pod.node.cri.call("StopPodSandbox", pod_sandbox_id=pod.sandbox_id)
    asking.exit("polite", lambda found: found.stop_reason == pb.STOP_REASON_DELETION)
    counted(asking, "polite", "stopped-by-runtime")
    death = asking.exit("at-once")
    assert (death.verdict, death.signal) == (pb.VERDICT_KILLED_BY_RUNTIME, 9)
    assert not death.HasField("term_boottime_ns")
    assert_runtime(death)


@contextmanager
def busy_cpus(guest: Guest) -> Iterator[None]:
    """More that want a CPU than there are, from when the kernel calls it pressure."""
    hogs = guest.start(["sh", "-c", "for n in 1 2 3 4 5 6; do while :; do :; done & done; wait"])
    try:
        until(
            lambda: parse_pressure(guest.read_bytes("/proc/pressure/cpu")).some_avg10 > 85,
            EXIT_SECONDS,
            "the CPUs are under pressure",
            lambda: guest.read("/proc/pressure/cpu"),
            every=0.5,
        )
        yield
    finally:
        hogs.close()


def test_grace_exhausted_again_and_again(pods: Pods, asking: Asking, guest: Guest) -> None:
    """While the CPUs are busy, it ignores SIGTERM, is killed, and comes again three times: a
    restart storm, with its cause. With two more in another pod it is the node's. One that ends by
    itself meanwhile is no part of it.
    """
    stubborn = ready(pods, "stubborn", [*WAIT, "sleep"])
    infected = ready(pods, "infected", [*WAIT, "sleep"])
    crashing = pods.create("crashing")
    with busy_cpus(guest):
        crash(crashing)
        assert "exit code 3" in asking.condition("CrashLoop", "crashing").message
        assert conditions(asking, "crashing") == {"CrashLoop"}
        kill_and_restart(stubborn, 3)
        said = asking.condition("RestartStorm", "stubborn")
        assert conditions(asking, "stubborn") == {"RestartStorm"}
        assert said.reason == "CPUPressure"
        assert "3 times" in said.message
        kill_and_restart(infected, 2)
        said = asking.condition(
            "RestartStorm", "", lambda found: found.entity.kind == ENTITY_KIND_NODE
        )
        assert said.reason == "CPUPressure"
        assert "5 times" in said.message
        assert " in 2 pods, " in said.message
        stall = asking.condition("CPUStall", "")  # after half a minute of it, of which most is over
        assert stall.entity.kind == ENTITY_KIND_NODE
        assert stall.message.startswith("cpu pressure of node: some task waited for a CPU ")

    def restarts() -> list[ContainerDeath] | None:
        deaths = asking.exits(pod="stubborn", verdicts=[pb.VERDICT_GRACE_EXCEEDED])
        done = [d for d in deaths if d.settled and d.stop_reason == pb.STOP_REASON_RESTART]
        return done if len(done) == 3 else None

    deaths = until(restarts, EXIT_SECONDS, "three restarts", lambda: f"{asking.exits()}")
    assert [death.attempt for death in deaths] == [2, 1, 0]
    for death in deaths:
        assert death.signal == 9
        assert_runtime(death)
    assert max(death.node_cpu_pressure_some for death in deaths) > 50  # an average of ten seconds


def crash(pod: Pod) -> None:
    """Its container ends with a code three times, and comes again twice."""
    for attempt in range(3):
        container = pod.container("main", [*WAIT, "exit", "3"], attempt=attempt)
        container.wait_ready()
        container.group.go()
        container.wait_exited()


def kill_and_restart(container: Container, times: int) -> None:
    """As after a failed probe: stopped, with a grace of a second, and made anew in its pod."""
    for attempt in range(1, times + 1):
        container.stop(1)
        container = container.pod.container(container.name, [*WAIT, "sleep"], attempt=attempt)
        container.wait_ready()


def assert_runtime(death: ContainerDeath) -> None:
    """Some child of containerd sent it, or the shim."""
    assert death.sender.comm in ("runc", "containerd-shim", "containerd")
    if death.sender.cgroup:
        assert not death.sender.HasField("container")


def ended_by_itself(pods: Pods, asking: Asking) -> None:
    """SIGSEGV; exit 0; and exit 3 again and again, which is a crash loop."""
    faulty = ready(pods, "faulty", [*WAIT, "crash"])
    done = ready(pods, "done", [*WAIT, "exit", "0"])
    for container in (faulty, done):
        container.group.go()
    crash(pods.create("failing"))
    death = asking.exit("faulty")
    assert (death.verdict, death.signal) == (pb.VERDICT_CRASHED, signal.SIGSEGV)
    assert not death.HasField("sender")
    assert death.confidence == CONFIDENCE_HIGH
    counted(asking, "faulty", "crashed")
    death = asking.exit("done")
    assert (death.verdict, death.exit_code) == (pb.VERDICT_EXITED, 0)
    assert death.runtime_says == "Completed, exit code 0"
    counted(asking, "done", "exited")

    def settled() -> list[ContainerDeath] | None:
        deaths = asking.exits(pod="failing")
        return deaths if len(deaths) == 3 and all(d.settled for d in deaths) else None

    for death in until(settled, EXIT_SECONDS, "three ends", lambda: f"{asking.exits()}"):
        assert (death.verdict, death.exit_code) == (pb.VERDICT_EXITED, 3)
        assert death.stop_reason == pb.STOP_REASON_UNSPECIFIED
    assert "exit code 3" in asking.condition("CrashLoop", "failing").message
    assert conditions(asking, "failing") == {"CrashLoop"}


def ended_by_the_oom_killer(pods: Pods, asking: Asking) -> None:
    """The init at its own limit; the init beside the one that was chosen; at the pod's limit; at
    that of all pods; at a limit that the container has set itself.
    """
    own = init_over_limit(pods, name="own")
    followed(asking, "own")
    own.fire()
    siblings = group_over_limit(pods, name="siblings")
    followed(asking, "siblings")
    siblings.fire()
    pod_over_limit(pods, name="shared").fire()
    kubepods_over_limit(pods, name="allotted", child_only=False).fire()
    alone = pods.create("alone", memory_max=32 * MIB).container(  # the limits that a kubelet gives
        "main", [*WAIT, "eat", "64"], memory_max=32 * MIB
    )
    alone.wait_ready()
    alone.group.go()
    death = asking.exit("own")
    assert (death.verdict, death.signal) == (pb.VERDICT_OOM_CONTAINER_LIMIT, 9)
    (incident,) = asking.incidents(pod="own")
    assert list(death.incident_ids) == [incident.id]
    assert not death.HasField("sender")
    counted(asking, "own", "oom-container-limit")
    killed = asking.condition("ContainerOOMKilled", "own")
    assert (killed.entity.id, killed.severity) == (death.container.id, SEVERITY_INFO)
    assert killed.reason == "OwnLimit"
    assert asking.exit("siblings").verdict == pb.VERDICT_OOM_GROUP_SIBLING
    death = asking.exit("shared")
    assert (death.verdict, death.container.name) == (pb.VERDICT_OOM_POD_LIMIT, "hog")
    killed = asking.condition("ContainerOOMKilled", "shared")
    assert (killed.severity, killed.reason) == (SEVERITY_WARNING, "SharedLimit")
    # The sandbox takes some of the pod's, which fires first: it is the container's own as well.
    assert asking.exit("alone").verdict == pb.VERDICT_OOM_POD_LIMIT
    killed = asking.condition("ContainerOOMKilled", "alone")
    assert (killed.severity, killed.reason) == (SEVERITY_INFO, "OwnLimit")
    assert asking.exit("allotted").verdict == pb.VERDICT_OOM_KUBEPODS_LIMIT
    nested = ready(pods, "nested", [*WAIT, "eat", "64"])
    limit_inside(nested, 32 * MIB).go()
    assert asking.exit("nested").verdict == pb.VERDICT_OOM_NESTED_LIMIT
    assert not conditions(asking, "own")
    for attempt in (1, 2):  # it comes again, and so does the kill
        again = own.the_container.pod.container(
            "main", [*WAIT, "eat", "64"], memory_max=32 * MIB, attempt=attempt
        )
        again.wait_ready()
        again.group.go()
        again.wait_exited()
    loop = asking.condition("OOMLoop", "own")
    assert loop.reason == "OwnLimit"
    assert loop.message.startswith("main was OOM-killed 3 times in ")
    assert conditions(asking, "own") == {"OOMLoop"}


def limit_inside(container: Container, limit: int) -> Group:
    """All its processes move into a cgroup below its own, with a limit: as those of an init do that
    is a systemd, or a runtime of its own.
    """
    outer = container.group
    inner = Group(outer.guest, f"{outer.path}/inner")
    outer.guest.run(
        f"mkdir {inner.directory}\n"
        f"for pid in $(cat {outer.directory}/cgroup.procs);"
        f" do echo $pid > {inner.directory}/cgroup.procs; done\n"
        f"echo +memory > {outer.directory}/cgroup.subtree_control\n"
        f"echo {limit} > {inner.directory}/memory.max"
    )
    return inner


def death_of(
    asking: Asking,
    container: Container,
    wanted: Callable[[ContainerDeath], bool] = lambda death: True,
) -> ContainerDeath:
    """The death of one of several of a pod, once it has the runtime's word and is as wanted."""

    def found() -> ContainerDeath | None:
        deaths = asking.exits(container=container.id)
        ready = [d for d in deaths if d.settled and d.runtime_says and wanted(d)]
        return ready[0] if ready else None

    return until(found, EXIT_SECONDS, f"the death of {container.id}", lambda: f"{asking.exits()}")


def test_a_stale_reason(pods: Pods, guest: Guest, asking: Asking) -> None:
    """An OOM kill, then an exit with 143 that the runtime calls OOMKilled: contradicted; and so is
    the same word of one in which the kernel has killed nobody: its shim told of it all the same.

    containerd (1.6 here) keeps the reason with the container, not with the pod: one that comes
    after an OOM-killed one and is stopped says "Error". Stale is the reason of a container that
    has outlived a kill in it, as at a drain (kubernetes #140716); containerd hears of the kill on a
    path of its own and can miss it, so probes are killed in it until it has heard of one.
    """
    pod = pods.create("stale", memory_max=96 * MIB)

    def start(attempt: int, *argv: str, oom_group: bool = False) -> Container:
        made = pod.container(
            "main", ["/bin/work", *argv], memory_max=32 * MIB, oom_group=oom_group, attempt=attempt
        )
        made.wait_ready()
        followed(asking, "stale", made.id)
        return made

    killed = start(0, "wait", "eat", "64", oom_group=True)
    killed.group.go()
    killed.wait_exited()
    death = death_of(asking, killed)
    assert (death.verdict, death.signal) == (pb.VERDICT_OOM_CONTAINER_LIMIT, 9)

    again = start(1, "polite", "143", "wait")
    again.stop(60)
    death = death_of(asking, again)
    assert (death.verdict, death.exit_code) == (pb.VERDICT_STOPPED_BY_RUNTIME, 143)
    assert (death.runtime_says, death.disagreement) == ("Error, exit code 143", 0)
    assert not death.incident_ids

    outlives = start(2, "polite", "143", "wait")

    def heard() -> bool:
        assert outlives.exec_sync(["/bin/work", "eat", "64"])["exit_code"] == 137
        return outlives.status().get("reason") == "OOMKilled"

    until(heard, EXIT_SECONDS, "the runtime has heard of a kill", every=1)
    outlives.stop(60)
    wrong = DISAGREEMENT_REPORTED_WITHOUT_DEATH
    death = death_of(asking, outlives, lambda found: found.disagreement == wrong)
    assert (death.verdict, death.exit_code) == (pb.VERDICT_STOPPED_BY_RUNTIME, 143)
    assert death.runtime_says == "OOMKilled, exit code 143"
    assert death.incident_ids
    until(
        lambda: asking.metric(DISAGREEMENTS, kind="reported-without-death") == 1,
        EXIT_SECONDS,
        "the disagreement is counted",
    )

    imagined = start(3, "polite", "143", "wait")
    guest.run([*PUBLISH, "--topic", "/tasks/oom"], stdin=oom_event(imagined.id))
    until(
        lambda: imagined.status().get("reason") == "OOMKilled",
        EXIT_SECONDS,
        "the runtime believes it",
    )
    imagined.stop(60)
    none = DISAGREEMENT_KERNEL_COUNTED_NONE
    death = death_of(asking, imagined, lambda found: found.disagreement == none)
    assert (death.verdict, death.exit_code) == (pb.VERDICT_STOPPED_BY_RUNTIME, 143)
    assert death.runtime_says == "OOMKilled, exit code 143"
    assert not death.incident_ids


def oom_event(container_id: str) -> bytes:
    """What a shim publishes of an OOM kill: an Any with a containerd.events.TaskOOM."""

    def field(number: int, value: bytes) -> bytes:
        return bytes([number << 3 | 2, len(value)]) + value

    return field(1, b"containerd.events.TaskOOM") + field(2, field(1, container_id.encode()))


def test_restart_of_the_agent(pods: Pods, agent: AgentProcess) -> None:
    """One death before, two while it is down, one after: each once, with the same id. Who killed
    while nobody looked is not guessed.
    """
    agent.start()
    asking = Asking(agent)
    before, while_down, after = (
        ready(pods, name, [*WAIT, "exit", code])
        for name, code in (("before", "5"), ("meanwhile", "6"), ("afterwards", "7"))
    )
    unseen = ready(pods, "unseen", [*WAIT, "sleep"])
    until(lambda: asking.metrics(METRIC, pod="before"), EXIT_SECONDS, "its series stand at zero")
    assert {value for _, value in asking.metrics(METRIC, pod="before")} == {0}
    before.group.go()
    told = asking.exit("before")
    agent.stop(signal.SIGKILL)
    while_down.group.go()
    unseen.group.signal(signal.SIGKILL)
    while_down.wait_exited()
    unseen.wait_exited()
    agent.start()
    after.group.go()
    death = asking.exit("meanwhile")
    assert (death.verdict, death.exit_code) == (pb.VERDICT_EXITED, 6)
    assert (death.confidence, list(death.witnesses)) == (CONFIDENCE_LOW, ["cri"])
    assert asking.exit("afterwards").exit_code == 7
    again = asking.exit("before")
    assert (again.id, again.verdict, again.exit_code) == (told.id, told.verdict, 5)
    death = asking.exit("unseen")
    assert (death.verdict, death.exit_code) == (pb.VERDICT_UNSPECIFIED, 137)
    assert (death.confidence, list(death.witnesses)) == (CONFIDENCE_LOW, ["cri"])
    assert not death.HasField("signal")
    assert not death.HasField("sender")
    assert death.runtime_says == "Error, exit code 137"
    assert len(asking.exits()) == 4
    for pod in ("before", "meanwhile", "afterwards"):
        counted(asking, pod, "exited")
    counted(asking, "unseen", "unknown")
