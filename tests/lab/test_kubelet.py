"""The kubelet: a healthz that hangs or fails, one that is throttled, one that waits for a disk, one
that is dead; what it says beside what is true.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from agent.api.v1.condition_pb2 import (
    CONDITION_STATUS_FALSE,
    CONDITION_STATUS_UNKNOWN,
    SEVERITY_CRITICAL,
    SEVERITY_INFO,
    Condition,
)
from agent.api.v1.kubelet_pb2 import NODE_CONDITION_STATUS_TRUE, KubeletReport
from agent.api.v1.runtime_pb2 import RUNG_STATE_OK, RUNG_STATE_SILENT
from tests.certificates import Authority
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.groups import Group
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.scenarios import api_server as api_servers
from tests.lab.scenarios.kubelet import CGROUP, FILE, PORT, stand_in, told
from tests.lab.scenarios.runtime import stopped
from tests.lab.scenarios.slow_disk import slow_disk
from tests.lab.status_pace import StatusPace
from tests.lab.wire import Process

SECONDS = 240
SETTINGS = {"kubelet.healthz_interval": "1s", "kubelet.healthz_deadline": "2s"}
DOWN, DISAGREES, MISREPORTED = "KubeletDown", "KubeletDisagrees", "NodeMisreported"
NETWORKS, ASIDE = "/etc/cni/net.d", "/etc/cni/aside"
STARVED = "1000 1000000"  # of each second a millisecond


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    """The agent, running, and not as patient as by default."""
    agent.start(SETTINGS)
    return Asking(agent)


@pytest.fixture
def api_server(guest: Guest, tmp_path: Path) -> Iterator[Process]:
    with closing(api_servers.stand_in(guest, Authority(tmp_path / "ca"))) as process:
        yield process


@pytest.fixture
def kubelet(guest: Guest) -> Iterator[Process]:
    with closing(stand_in(guest)) as process:
        yield process


def report(asking: Asking, wanted: Callable[[KubeletReport], bool], what: str) -> KubeletReport:
    """GetKubelet, once it is so."""

    def found() -> KubeletReport | None:
        seen = asking.kubelet()
        return seen if wanted(seen) else None

    return until(found, SECONDS, what, lambda: str(asking.kubelet()))


def well(seen: KubeletReport) -> bool:
    return seen.healthz.state == RUNG_STATE_OK and not seen.failing


def test_healthz(
    node: Node, guest: Guest, asking: Asking, kubelet: Process, figures: list[str]
) -> None:
    """Silence and an error are told apart, each ends, and an ok beside a runtime that is stopped is
    a disagreement.
    """
    seen = report(asking, well, "the kubelet answers")
    assert seen.process.pid == kubelet.pid
    assert (seen.process.comm, seen.healthz.address) == ("kubelet", f"127.0.0.1:{PORT}")
    assert (seen.healthz.status, seen.healthz.detail) == (200, "ok")
    assert not seen.HasField("former")
    with told(guest, "hang"):
        found = asking.condition(DOWN, "", lambda c: c.reason == "HealthzHangs")
        assert found.severity == SEVERITY_CRITICAL
        assert f"kubelet[{kubelet.pid}] runs" in found.message
        silent = asking.kubelet()
        assert silent.healthz.state == RUNG_STATE_SILENT
        assert silent.healthz.silences >= 1
        said = guest.run(["nodectl", "kubelet"], check=False)
        assert said.exit_code == 1
        assert "DOWN: kubelet runs, and its healthz hangs" in said.out
        assert asking.metric("nodewitness_kubelet_up") == 0
        figures.append(f"kubelet: a healthz that hangs is told so: {found.message}")
    asking.condition(DOWN, "", status=CONDITION_STATUS_FALSE)
    with told(guest, "sick"):
        found = asking.condition(DOWN, "", lambda c: c.reason == "HealthzFails")
        assert "answers 500: [+]ping ok; [-]syncloop failed" in found.message
    asking.condition(DOWN, "", status=CONDITION_STATUS_FALSE)
    with stopped(node):
        found = asking.condition(DISAGREES, "")
        assert (found.reason, found.severity) == ("RuntimeUnresponsive", SEVERITY_INFO)
        assert "healthz says ok, but" in found.message
        assert not [
            c for c in asking.conditions(types=[DOWN]) if c.status != CONDITION_STATUS_FALSE
        ]
    asking.condition(DISAGREES, "", status=CONDITION_STATUS_FALSE)


@contextmanager
def no_network(node: Node) -> Iterator[None]:
    """The CNI's configuration is gone, and back at the end. It is written anew: a file that is
    moved in is no event for containerd (1.6 passes over fsnotify's Create).
    """
    node.guest.run(f"mkdir {ASIDE} && mv {NETWORKS}/* {ASIDE}")
    try:
        yield
    finally:
        node.guest.run(f"cp {ASIDE}/* {NETWORKS} && rm -r {ASIDE}")
        until(node.network_ready, SECONDS, "the runtime has its network again")


def test_what_the_api_server_believes(
    node: Node,
    guest: Guest,
    agent: AgentProcess,
    kubelet: Process,
    api_server: Process,
    pods: Pods,
    figures: list[str],
) -> None:
    """Ready=True beside a node without CNI and a runtime that is stopped: each is a disagreement
    and an event, and each ends. Without the right to ask nothing is known, and it is said how to
    get it.
    """
    pods.create("idle")  # what has a pod wants a network for more, whether a runtime answers or not
    agent.start(SETTINGS | api_servers.SETTINGS)
    asking = Asking(agent)
    assert api_server.running(), api_server.err
    seen = report(asking, lambda r: well(r) and r.HasField("belief"), "it says what it believes")
    assert seen.process.pid == kubelet.pid
    believed = {each.type: each for each in seen.belief.conditions}
    assert believed["Ready"].status == NODE_CONDITION_STATUS_TRUE
    assert believed["Ready"].message == "as it is told"
    assert (seen.belief.node, seen.belief.lease_problem) == (api_servers.NODE, "")
    assert seen.belief.HasField("lease_renewed")
    labels = {"condition": "Ready", "status": "true"}
    assert asking.metric("nodewitness_node_condition_believed", **labels) == 1
    api_servers.takes(guest, "two")  # by now the kubelet has replaced the token
    asking.condition(MISREPORTED, "", status=CONDITION_STATUS_FALSE)
    with no_network(node):
        found = asking.condition(MISREPORTED, "", lambda c: c.reason == "CNINotConfigured")
        assert found.severity == SEVERITY_INFO
        assert found.message.startswith("the API server believes Ready=True, but no pod can get a")
        figures.append(f"node object: {found.message}")
        asking.condition(DISAGREES, "", lambda c: c.reason == "CNINotConfigured")
        said = guest.run(["nodectl", "kubelet"], check=False).out
        assert f"the API server believes of {api_servers.NODE}" in said
        with stopped(node):
            both = asking.condition(MISREPORTED, "", lambda c: c.reason == "RuntimeUnresponsive")
            assert both.message.count("Ready=True, but") == 2
            assert "no pod can get a network" in both.message
            asking.condition(DISAGREES, "", lambda c: c.reason == "RuntimeUnresponsive")
        asking.condition(MISREPORTED, "", lambda c: c.reason == "CNINotConfigured")
    asking.condition(MISREPORTED, "", status=CONDITION_STATUS_FALSE)
    asking.condition(DISAGREES, "", status=CONDITION_STATUS_FALSE)
    told = [c.reason for c in changes(asking, MISREPORTED)]
    assert told[-4:] == ["CNINotConfigured", "RuntimeUnresponsive", "CNINotConfigured", "Cleared"]

    guest.run(f"touch {api_servers.DIRECTORY}/forbidden")
    blind = asking.condition(MISREPORTED, "", status=CONDITION_STATUS_UNKNOWN)
    assert "answers 403" in blind.message
    assert "deploy/daemonset/components/node-read" in blind.message
    assert not asking.kubelet().HasField("belief")
    figures.append(f"node object: {blind.message}")
    guest.run(f"rm {api_servers.DIRECTORY}/forbidden")
    asking.condition(MISREPORTED, "", status=CONDITION_STATUS_FALSE)


def changes(asking: Asking, kind: str) -> list[Condition]:
    """Each event of this condition, in order."""
    events = asking.events()
    found = (event.condition_changed.condition for event in events)
    return [condition for condition in found if condition.type == kind]


def test_held_up(guest: Guest, asking: Asking, kubelet: Process, figures: list[str]) -> None:
    """What keeps it from its work is named: its own quota, a disk. Then it is dead."""
    report(asking, well, "the kubelet answers")
    pace = StatusPace(guest, figures)
    throttled(guest, asking, pace)
    waiting_for_a_disk(guest, asking, kubelet, figures)
    dead(guest, asking, kubelet, pace)


def throttled(guest: Guest, asking: Asking, pace: StatusPace) -> None:
    """Its quota is named as what makes its healthz hang."""
    guest.run(
        "for at in '' /system.slice; do "
        "echo '+cpu +memory' > /sys/fs/cgroup$at/cgroup.subtree_control; done"
    )
    group = Group(guest, f"/{CGROUP}")
    with told(guest, "spin"):
        guest.write(f"{group.directory}/cpu.max", STARVED)
        found = asking.condition(DOWN, "", lambda c: "its own cpu.max stopped it in" in c.message)
        assert found.reason == "HealthzHangs"
        assert asking.kubelet().throttled_ratio > 0.5
        pace.holds("a throttled kubelet")
    guest.write(f"{group.directory}/cpu.max", "max 100000")
    asking.condition(DOWN, "", status=CONDITION_STATUS_FALSE)


def waiting_for_a_disk(guest: Guest, asking: Asking, kubelet: Process, figures: list[str]) -> None:
    """A thread of it in state D while healthz says ok is a disagreement; while healthz hangs, it is
    the reason.
    """
    with slow_disk(guest) as disk:
        guest.run(f"dd if=/dev/zero of={FILE} bs=4096 count=1 conv=fsync")
        disk.suspend()
        with told(guest, "read"):
            found = asking.condition(DISAGREES, "", lambda c: c.reason == "Blocked")
            assert "healthz says ok, but 1 of its threads is in state D, the first in" in (
                found.message
            )
            (thread,) = asking.kubelet().process.blocked
            assert (thread.state, thread.comm) == ("D", "kubelet")
            assert thread.tid != kubelet.pid
            assert thread.wchan
            figures.append(f"kubelet: {found.message}")
            with told(guest, "hang"):
                found = asking.condition(DOWN, "", lambda c: c.reason == "Blocked")
                assert f"kubelet[{kubelet.pid}] has a thread in state D in" in found.message
                shown = guest.run(["nodectl", "kubelet"], check=False).out
                assert f"thread {thread.tid} (kubelet): D in " in " ".join(shown.split())
    report(asking, lambda r: well(r) and not r.process.blocked, "it goes on")
    asking.condition(DOWN, "", status=CONDITION_STATUS_FALSE)


def dead(guest: Guest, asking: Asking, kubelet: Process, pace: StatusPace) -> None:
    """It is said who killed it; another one is a restart."""
    guest.run(["kill", "-STOP", str(kubelet.pid)])
    asking.condition(DOWN, "", lambda c: c.reason == "Stopped")
    guest.run(["kill", "-KILL", str(kubelet.pid)])
    found = asking.condition(DOWN, "", lambda c: c.reason == "Dead" and "signal 9" in c.message)
    assert f"kubelet[{kubelet.pid}] is gone" in found.message
    gone = asking.kubelet()
    assert (gone.former.pid, gone.former.signal) == (kubelet.pid, 9)
    assert not gone.HasField("process")
    pace.holds("a dead kubelet")
    with closing(stand_in(guest)) as again:
        back = report(asking, well, "the next kubelet answers")
        assert (back.process.pid, back.restarts) == (again.pid, 1)
        asking.condition(DOWN, "", status=CONDITION_STATUS_FALSE)
