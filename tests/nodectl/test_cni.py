"""`nodectl cni`."""

from __future__ import annotations

import json

import yaml

from agent.api.v1 import cni_pb2 as pb
from agent.api.v1 import node_agent_pb2
from agent.nodectl.exits import Exit
from agent.nodectl.show.cni import report
from tests.nodectl import examples
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent

Answer = node_agent_pb2.ListCNICallsResponse


def test_table(agent: FakeAgent, run: Run) -> None:
    """A wedged network is a finding; the filters are asked of the agent."""
    result = run("cni", "-n", "shop", "--pod", "web-1", "--command", "add", "--limit", "7")
    assert result.exit_code == Exit.FINDING
    assert "WEDGED" in result.output
    assert agent.requests == [
        node_agent_pb2.ListCNICallsRequest(namespace="shop", pod="web-1", commands=["ADD"], limit=7)
    ]


def test_running(agent: FakeAgent, run: Run) -> None:
    """--running is three states; not with --state."""
    run("cni", "--running")
    (request,) = agent.requests
    assert list(request.states) == [
        pb.CNI_CALL_STATE_RUNNING,
        pb.CNI_CALL_STATE_SLOW,
        pb.CNI_CALL_STATE_STALLED,
    ]
    assert run("cni", "--running", "--state", "ok").exit_code == Exit.USAGE


def test_well(agent: FakeAgent, run: Run) -> None:
    agent.cni.cni.health.state = pb.NETWORK_STATE_WORKING
    assert run("cni").exit_code == Exit.OK
    agent.cni.cni.config.files[0].loaded = False
    assert run("cni").exit_code == Exit.FINDING


def test_wide(agent: FakeAgent, run: Run) -> None:
    """Pid, time, interface, namespace and container too."""
    rows = [line for line in run("cni", "-o", "wide").output.splitlines() if "job-6" in line]
    assert "-     4600" in rows[0]
    assert rows[0].endswith("4f" * 32)


def test_for_programs(agent: FakeAgent, run: Run) -> None:
    found = json.loads(run("cni", "-o", "json").output)
    assert found["cni"]["calls"][0]["wait"]["lock_kind"] == "FLOCK"
    assert yaml.safe_load(run("cni", "-o", "yaml").output) == found


def shown(cni: pb.CNIReport, *, truncated: bool = False) -> str:
    return report(Answer(cni=cni, truncated=truncated), examples.CNI_NS, wide=True)


def test_other_states() -> None:
    """Each in words; and each way of having no configuration."""
    unread = shown(pb.CNIReport())
    assert "no pod has got one since the agent started" in unread
    assert "config   could not be read" in unread
    assert "No CNI call that was asked for." in unread
    health = pb.NetworkHealth(state=pb.NETWORK_STATE_FLAPPING, failed=3)
    config = pb.CNIConfig(directory="/c", files=[pb.CNIConfigFile(path="/c/a", problem="bad")])
    text = shown(pb.CNIReport(health=health, config=config), truncated=True)
    assert "flapping: some pods get one, some do not; 3 failed since" in text
    assert "NOT LOADED: /c/a: bad" in text
    assert "raise --limit" in text
    health = pb.NetworkHealth(state=pb.NETWORK_STATE_SLOW)
    text = shown(pb.CNIReport(health=health, config=pb.CNIConfig(directory="/c")))
    assert "slow: a pod waits long for one" in text
    assert "NOT LOADED: no .conf, .conflist or .json in /c" in text
    assert "runtime  does not say" in text
    unready = pb.RuntimeNetwork(message="cni plugin not initialized")
    text = shown(pb.CNIReport(config=pb.CNIConfig(), runtime=unready))
    assert "says that its network is not ready: cni plugin not initialized" in text
    assert "NOT LOADED: gone" in shown(pb.CNIReport(config=pb.CNIConfig(absent_reason="gone")))


def test_elsewhere(agent: FakeAgent, run: Run) -> None:
    """What was read is not what the runtime has: it is neither shown nor a finding, and what the
    runtime says is not wrong.
    """
    agent.cni.cni.health.state = pb.NETWORK_STATE_WORKING
    agent.cni.cni.config.files[0].loaded = False
    agent.cni.cni.elsewhere_reason = "elsewhere: set cni.conf_dir\x1b"
    result = run("cni")
    assert result.exit_code == Exit.OK
    assert "config   NOT KNOWN: elsewhere: set cni.conf_dir" in result.output
    assert "\x1b" not in result.output
    assert "says that its network is ready\n" in result.output


def test_hostile_names() -> None:
    """Nothing of a plugin, a pod or a file reaches the terminal as it is."""
    call = pb.CNICall(
        plugin="/x/a\x1b",
        command="b\x1b",
        container_id="c\x1b",
        interface="d\x1b",
        netns="e\x1b",
        state=pb.CNI_CALL_STATE_RUNNING,
        wait=pb.CNICallWait(
            state="S",
            wchan="f\x1b",
            lock_kind="FLOCK",
            lock_file="g\n",
            lock_holders=[pb.CNILockHolder(pid=1, comm="h\x1b", state="i\x1b", wchan="j\x1b")],
        ),
    )
    named = pb.CNICall(state=pb.CNI_CALL_STATE_UNKNOWN)
    named.pod.namespace, named.pod.pod = "k\x1b", "l\x1b"
    config = pb.CNIConfig(
        directory="m\x1b",
        files=[
            pb.CNIConfigFile(
                path="n\x1b",
                loaded=True,
                network="o\x1b",
                plugins=[pb.CNIPlugin(type="p\x1b", problem="q\x1b")],
            ),
            pb.CNIConfigFile(path="r\x1b"),
        ],
    )
    unready = pb.RuntimeNetwork(message="s\x1b")
    text = shown(pb.CNIReport(calls=[call, named], config=config, runtime=unready))
    assert all(line.isprintable() for line in text.splitlines())
