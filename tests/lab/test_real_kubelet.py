"""The kubelet says X: a real one, beside what the kernel and the agent say of the same.

It has no API server: its pods are static, and it is asked at its read-only port. `make kubelet`
builds one and runs these. Without one they are skipped: what is proven of pods is proven over the
CRI (tests/lab/pods.py), and here it is seen that a kubelet's are no others.
"""

import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.api.v1 import exits_pb2 as pb
from agent.api.v1.condition_pb2 import CONDITION_STATUS_FALSE
from agent.api.v1.containers_pb2 import ContainerUsage
from agent.api.v1.exits_pb2 import ContainerDeath
from agent.api.v1.kubelet_pb2 import KubeletReport
from agent.api.v1.memory_pb2 import Headroom, MemoryReport
from agent.api.v1.oom_pb2 import (
    DISAGREEMENT_KILL_NOT_REPORTED,
    DISAGREEMENT_UNSPECIFIED,
    LIMIT_LEVEL_CONTAINER,
    OUTCOME_DIED,
    OUTCOME_SURVIVED,
    TRUTH_YES,
    OOMIncident,
)
from agent.api.v1.runtime_pb2 import RUNG_STATE_OK
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import EXIT_SECONDS, Asking
from tests.lab.cache import PROJECT
from tests.lab.deadline import until
from tests.lab.deployed import without_the_labs_own
from tests.lab.groups import Group
from tests.lab.guest import Guest
from tests.lab.image import import_image
from tests.lab.kubelet import Pods
from tests.lab.machines import SYSTEMD
from tests.lab.node import Node
from tests.lab.real_kubelet import CGROUP, CONFIG, KUBELET, RealKubelet, Said
from tests.lab.scenarios.runtime import stopped
from tests.lab.static_pod import Json, static_pod
from tests.lab.truth import Books, books_since, mark

pytestmark = pytest.mark.skipif(
    not KUBELET, reason="NODEWITNESS_KUBELET names no kubelet (make kubelet)"
)

SECONDS = 240.0
LIMIT = "32Mi"
DOWN, DISAGREES = "KubeletDown", "KubeletDisagrees"
MANIFEST = PROJECT / "deploy/static-pod/nodewitness.yaml"
EATS = ["wait", "eat", "64"]
ILL = "/tmp/ill"


def kubelet_with(guest: Guest, *pods: Json, **settings: Any) -> RealKubelet:
    """It has been started, with these pods."""
    return RealKubelet(guest, Path(KUBELET), *pods, settings=settings)


def named(asking: Asking, said: Said) -> ContainerUsage:
    """What the agent knows of the container: the names that the kubelet says, in the cgroup that it
    has made, and its init.
    """

    def found() -> ContainerUsage | None:
        each = [c for c in asking.containers(pod=said.pod) if c.container_id == said.id]
        known = [c for c in each if c.names_from == "cri" and c.HasField("init_pid")]
        return known[0] if known else None

    usage = until(found, SECONDS, f"{said.pod} is named", lambda: str(asking.containers()))
    assert (usage.namespace, usage.pod, usage.container) == ("default", said.pod, "main")
    assert (usage.pod_uid, usage.qos) == (said.uid, said.qos.lower())
    assert usage.cgroup == said.group.path
    assert usage.init_pid in said.group.pids()
    return usage


def go(said: Said, guest: Guest) -> Books:
    """It eats: what the kernel says of that, once it is over."""
    since = mark(guest)
    said.group.go()

    def over() -> Books | None:
        books = books_since(guest, since)
        return books if books.headers and books.counted == len(books.kills) else None

    return until(over, SECONDS, f"a kill in {said.pod}")


def as_the_kernel_says(incident: OOMIncident, said: Said, kernel: Books) -> None:
    """Whom it killed, in which cgroup, at whose limit."""
    (header,) = kernel.headers
    assert {victim.pid for victim in incident.victims} == kernel.victims
    assert {victim.cgroup for victim in incident.victims} == {said.group.path}
    assert incident.limit_cgroup == header.oom_memcg
    assert incident.limit_bytes == 32 << 20
    who = incident.container
    assert (who.namespace, who.pod, who.name) == ("default", said.pod, "main")
    assert (who.pod_uid, who.id) == (said.uid, said.id)


def test_static_pods(guest: Guest, agent: AgentProcess, figures: list[str]) -> None:
    """Its pods are named, in the cgroups that it makes. Of a child that is killed it says nothing;
    of an init, what the runtime says; and a failed probe's 137 is told from both, and from that of
    a pod whose manifest is gone.
    """
    idle = ["/bin/work", "sleep"]  # as the first process of its namespace it ignores SIGTERM
    pods = (
        static_pod("own", ["/bin/work", *EATS], memory=LIMIT, beside=idle),
        static_pod("hidden", ["/bin/work", "fork", *EATS], memory=LIMIT),
        static_pod("probed", idle, liveness=["/bin/sh", "-c", f"[ ! -e {ILL} ]"]),
    )
    with closing(kubelet_with(guest, *pods, singleProcessOOMKill=True)) as kubelet:
        own, hidden = kubelet.running("own"), kubelet.running("hidden", 2)
        probed = kubelet.said("probed", lambda said: said.ready, "ready")
        agent.start({"serve.cadvisor_names": "true"})
        asking = Asking(agent)
        for said in (own, hidden):
            named(asking, said)
            assert said.group.read("memory.oom.group") == "0\n"
        init = named(asking, probed).init_pid

        child_killed(asking, hidden, go(hidden, guest))
        init_killed(kubelet, asking, own, go(own, guest), figures)
        # It has looked at all its pods since: it had to, to see that the other one's init died.
        now = kubelet.says("hidden")
        assert (now.id, now.ready, now.restarts, now.last) == (hidden.id, True, 0, "")
        assert now.status["state"] == hidden.status["state"]
        figures.append(
            f"a child is killed: the kubelet says ready, {now.restarts} restarts; its cAdvisor "
            f"{told(kubelet, now)}, and the agent {asking.incidents(pod=now.pod)[0].counted}"
        )
        probe_failed(kubelet, asking, probed, init, figures)
        manifest_removed(kubelet, asking, hidden, figures)


def child_killed(asking: Asking, hidden: Said, kernel: Books) -> None:
    """The kernel says so, and the agent, and that nobody else does."""
    incident = asking.closed(hidden.pod)
    as_the_kernel_says(incident, hidden, kernel)
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    # containerd 1.6 has its reason as soon as the kernel tells it of a kill, also of who runs on.
    assert incident.runtime_says in ("Running", "Running, OOMKilled")
    asking.condition("HiddenOOMKill", hidden.pod)


def init_killed(
    kubelet: RealKubelet, asking: Asking, own: Said, kernel: Books, figures: list[str]
) -> None:
    """The kubelet says what the runtime says; the agent has that too, and says if it is wrong."""
    again = kubelet.said("own", lambda said: said.restarts == 1, "restarted")
    assert again.id != own.id
    word = agreed(kubelet, asking, own)
    incident = asking.incident(own.pod)
    as_the_kernel_says(incident, own, kernel)
    assert (incident.outcome, incident.limit_level) == (OUTCOME_DIED, LIMIT_LEVEL_CONTAINER)
    death = asking.exit(own.pod)
    assert (death.verdict, death.attempt) == (pb.VERDICT_OOM_CONTAINER_LIMIT, 0)
    assert (death.container.id, death.runtime_says) == (own.id, word)
    figures.append(f"an init is killed: the kubelet says {word}; the agent {verdict(death)}")


def agreed(kubelet: RealKubelet, asking: Asking, said: Said) -> str:
    """The word of both on how the container ended that the kubelet has started again: a
    disagreement with the kernel exactly if it is not OOMKilled.
    """

    def same() -> str:
        incident, word = asking.incident(said.pod), kubelet.says(said.name).last
        expected = DISAGREEMENT_KILL_NOT_REPORTED
        if word.startswith("OOMKilled"):
            expected = DISAGREEMENT_UNSPECIFIED
        same = incident.runtime_says == word and incident.disagreement == expected
        return word if same else ""

    word = until(
        same, SECONDS, "both say the same", lambda: f"{kubelet.pod(said.name)}{asking.incidents()}"
    )
    assert word.endswith(", exit code 137")
    return word


def probe_failed(
    kubelet: RealKubelet, asking: Asking, probed: Said, init: int, figures: list[str]
) -> None:
    """The kubelet's 137 after a failed liveness probe is a restart, and no OOM kill."""
    kubelet.guest.run(["touch", f"/proc/{init}/root{ILL}"])
    again = kubelet.said("probed", lambda said: said.restarts == 1 and bool(said.last), "restarted")
    death = asking.exit(probed.pod, lambda found: found.stop_reason == pb.STOP_REASON_RESTART)
    assert (death.verdict, death.signal) == (pb.VERDICT_GRACE_EXCEEDED, signal.SIGKILL)
    assert (death.container.id, death.attempt) == (probed.id, 0)
    assert again.last == death.runtime_says == "Error, exit code 137"
    assert not death.incident_ids
    labels = {"pod": probed.pod, "probe_type": "Liveness", "result": "failed"}
    assert kubelet.metrics("/metrics/probes", "prober_probe_total", **labels)
    figures.append(f"a probe fails: the kubelet says {again.last}; the agent {verdict(death)}")


def manifest_removed(
    kubelet: RealKubelet, asking: Asking, hidden: Said, figures: list[str]
) -> None:
    """The pod goes, and that is why it was stopped. Whether the runtime can still be asked how it
    ended is a race: the kubelet removes its containers at once.
    """
    kubelet.remove("hidden")

    def deleted() -> ContainerDeath | None:
        deaths = asking.exits(pod=hidden.pod)
        done = [d for d in deaths if d.settled and d.stop_reason == pb.STOP_REASON_DELETION]
        return done[0] if done else None

    death = until(deleted, EXIT_SECONDS, "it is deleted", lambda: f"{asking.exits()}")
    assert (death.verdict, death.signal) == (pb.VERDICT_GRACE_EXCEEDED, signal.SIGKILL)
    until(lambda: kubelet.pod("hidden") is None, SECONDS, "the kubelet has forgotten it")
    says = death.runtime_says or "nothing any more"
    figures.append(f"a manifest goes: the runtime says {says}; the agent {verdict(death)}")


def verdict(death: ContainerDeath) -> str:
    return f"{pb.Verdict.Name(death.verdict)}, {pb.StopReason.Name(death.stop_reason)}"


def told(kubelet: RealKubelet, said: Said) -> str:
    """cAdvisor's count of a container's OOM kills, as the kubelet serves it."""
    labels = {"pod": said.pod, "container": "main"}
    found = kubelet.metrics("/metrics/cadvisor", "container_oom_events_total", **labels)
    return ", ".join(f"{value:g}" for _, value in found) or "no series"


@pytest.mark.machine(SYSTEMD)
def test_systemd_driver(guest: Guest, agent: AgentProcess, figures: list[str]) -> None:
    """The same with systemd's slices and scopes, and with group kill, which is the default: a child
    takes too much, and the init is killed with it.
    """
    pod = static_pod("group", ["/bin/work", "fork", *EATS], memory=LIMIT)
    with closing(kubelet_with(guest, pod)) as kubelet:
        said = kubelet.running("group", 2)
        assert said.group.path.endswith(f"/cri-containerd-{said.id}.scope")
        assert said.group.read("memory.oom.group") == "1\n"
        agent.start()
        asking = Asking(agent)
        named(asking, said)
        kernel = go(said, guest)
        kubelet.said("group", lambda now: now.restarts == 1, "restarted")
        word = agreed(kubelet, asking, said)
        incident = asking.incident(said.pod)
        as_the_kernel_says(incident, said, kernel)
        assert incident.group_kill
        death = asking.exit(said.pod)
        assert (death.verdict, death.runtime_says) == (pb.VERDICT_OOM_GROUP_SIBLING, word)
        figures.append(
            f"systemd, group kill: the kubelet says {word}; the agent {verdict(death)}, at the "
            f"limit of {incident.limit_cgroup}"
        )


@pytest.mark.machine(SYSTEMD)
def test_our_static_pod(guest: Guest, pods: Pods, agent: AgentProcess, figures: list[str]) -> None:
    """It takes our manifest as it is: the init container has put nodectl on the host, its own gRPC
    probes pass, and the agent tells a kill in another of its pods.
    """
    import_image(guest)
    hides = static_pod("hidden", ["/bin/work", "fork", *EATS], memory=LIMIT)
    with (
        without_the_labs_own(guest),
        closing(kubelet_with(guest, hides, singleProcessOOMKill=True)) as kubelet,
    ):
        hidden = kubelet.running("hidden", 2)
        kubelet.add("nodewitness", MANIFEST.read_text())
        ours = kubelet.said("nodewitness", lambda said: said.ready, "ready", "nodewitness")
        assert (ours.namespace, ours.restarts, ours.qos) == ("kube-system", 0, "Burstable")
        [pid] = ours.group.pids()
        assert guest.read(f"/proc/{pid}/oom_score_adj") == "-997\n"
        asking = Asking(agent)  # of which nothing is started: it finds the pod's socket
        named(asking, hidden)
        child_killed(asking, hidden, go(hidden, guest))
        shown = guest.run(["nodectl", "oom", "--timeout", "60s"]).out
        assert hidden.pod in shown
        figures.append(
            f"our static pod: the kubelet says ready, {ours.restarts} restarts; "
            f"{asking.status().self.resident_bytes >> 20} MiB resident"
        )
        pods.remove_all()


def test_gone(node: Node, guest: Guest, agent: AgentProcess, figures: list[str]) -> None:
    """It says that it is well while the runtime does not answer. One that hangs is told from one
    that is stopped, and from one that is dead: then its containers live on, nobody starts again
    what ends, and the next kubelet does both: takes over the one, and starts the other.
    """
    idle = ["/bin/work", "sleep"]
    with closing(kubelet_with(guest, static_pod("kept", idle, beside=idle))) as kubelet:
        main = kubelet.said("kept", lambda said: said.ready, "ready")
        until(lambda: kubelet.says("kept", "beside").ready, SECONDS, "the one beside is ready")
        beside = kubelet.says("kept", "beside")
        agent.start({"kubelet.healthz_interval": "1s"})
        asking = Asking(agent)
        seen = up(asking)
        pid = kubelet.process.pid
        assert (seen.process.pid, seen.process.comm) == (pid, "kubelet")
        assert (seen.healthz.address, seen.healthz.detail) == ("127.0.0.1:10248", "ok")
        assert list(seen.problems) == []
        init = named(asking, main).init_pid

        with stopped(node):
            found = asking.condition(DISAGREES, "")
            assert found.reason == "RuntimeUnresponsive"
            assert "healthz says ok, but" in found.message
            figures.append(f"containerd is stopped: {found.message}")
        asking.condition(DISAGREES, "", status=CONDITION_STATUS_FALSE)

        frozen = Group(guest, f"/{CGROUP}")
        guest.write(f"{frozen.directory}/cgroup.freeze", "1")
        found = asking.condition(DOWN, "", lambda c: c.reason == "HealthzHangs")
        figures.append(f"the kubelet hangs: {found.message}")
        guest.write(f"{frozen.directory}/cgroup.freeze", "0")
        asking.condition(DOWN, "", status=CONDITION_STATUS_FALSE)
        guest.run(["kill", "-STOP", str(pid)])
        asking.condition(DOWN, "", lambda c: c.reason == "Stopped")
        guest.run(["kill", "-KILL", str(pid)])
        found = asking.condition(DOWN, "", lambda c: c.reason == "Dead" and "signal 9" in c.message)
        figures.append(f"the kubelet is dead: {found.message}")

        guest.run(["kill", "-KILL", str(init)])
        death = asking.exit(main.pod)
        assert (death.verdict, death.container.id) == (pb.VERDICT_KILLED_BY_PROCESS, main.id)
        until(
            lambda: [c.container_id for c in asking.containers(pod=main.pod)] == [beside.id],
            SECONDS,
            "the other one lives on alone",
            lambda: str(asking.containers(pod=main.pod)),
        )
        kubelet.run_again()
        seen = up(asking)
        assert (seen.process.pid, seen.restarts) == (kubelet.process.pid, 1)
        asking.condition(DOWN, "", status=CONDITION_STATUS_FALSE)
        again = kubelet.said("kept", lambda s: s.restarts == 1 and s.ready, "restarted")
        assert again.last == death.runtime_says
        now = kubelet.says("kept", "beside")
        assert (now.id, now.restarts) == (beside.id, 0)


def up(asking: Asking) -> KubeletReport:
    """GetKubelet, once it answers healthz."""

    def found() -> KubeletReport | None:
        seen = asking.kubelet()
        return seen if seen.healthz.state == RUNG_STATE_OK and not seen.failing else None

    return until(found, SECONDS, "the kubelet is well", lambda: str(asking.kubelet()))


def of(memory: MemoryReport, signal: str, *, hard: bool = True) -> Headroom:
    """The headroom of a signal."""
    [found] = [h for h in memory.headrooms if h.signal == signal and h.threshold.hard == hard]
    return found


def test_memory(guest: Guest, agent: AgentProcess, figures: list[str]) -> None:
    """Its version is found in its program, and its /stats/summary has our numbers."""
    with closing(kubelet_with(guest)) as kubelet:
        kubelet.wait()
        agent.start()
        asking = Asking(agent)
        memory = until(
            lambda: m if (m := asking.memory()).kubelet.library else None,
            SECONDS,
            "the kubelet's program is read",
            lambda: str(asking.memory()),
        )
        assert not memory.node.assumed
        assert memory.kubelet.version.startswith("v1.")
        seen: set[str] = set()

        def agrees() -> float | None:
            """The kubelet's figures are up to 10 s old: at a new one, ours is of that moment."""
            summary = kubelet.summary()
            if summary is None or summary["node"]["memory"]["time"] in seen:
                return None
            theirs = summary["node"]["memory"]
            seen.add(theirs["time"])
            ours = of(asking.memory(), "memory.available")
            by = abs(ours.available - theirs["availableBytes"]) / ours.capacity
            return by + 1 if by < 0.01 else None

        by = until(agrees, 300.0, "memory.available is the kubelet's", every=0.5) - 1
        summary = kubelet.summary()
        assert summary is not None
        memory = asking.memory()
        other = next(form for form in memory.node.forms if form.form != memory.node.form)
        off = abs(other.available - summary["node"]["memory"]["availableBytes"])
        figures.append(
            f"memory.available against kubelet {memory.kubelet.version}: {100 * by:.3f} % of the "
            f"memory apart; the other form {100 * off / memory.node.total:.1f} %"
        )
        fs = of(memory, "nodefs.available")
        assert fs.capacity == summary["node"]["fs"]["capacityBytes"]
        assert (
            of(memory, "pid.available", hard=False).capacity == summary["node"]["rlimit"]["maxpid"]
        )
        assert memory.headrooms[0].threshold.source == f"config {CONFIG}"
