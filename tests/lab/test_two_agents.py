"""A DaemonSet's agent and somebody's trial beside it: neither takes anything from the other."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from agent.nodectl.exits import Exit
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.scenarios.container_limit import child_over_limit
from tests.lab.stories import fire
from tests.lab.wire import Process

SOCKET = "/run/trial/agent.sock"
STATE = "/var/lib/trial"
SETTINGS = (
    f"state.directory={STATE}",
    f"serve.socket={SOCKET}",
    "serve.metrics_address=127.0.0.1:9799",
)
# fsopen(2) is not for shells: a tracefs of the test's own, for one command.
INSTANCES = (
    "mkdir -p /run/tracing && mount -t tracefs none /run/tracing && ls /run/tracing/instances;"
    " umount /run/tracing"
)
# Of a process that is gone, in the initial pid namespace (agent/drill/names.py).
LEFTOVER = "/nodewitness-drill-effffffc0000fff00000000000010000"
SECONDS = 120.0


class Trial:
    """A second agent, asked by nodectl in the guest."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        words = [word for pair in SETTINGS for word in ("--set", pair)]
        self.process: Process = guest.start(
            ["nodewitness", "run", *words], cgroup="system.slice/trial.service"
        )

    def ask(self, *words: str) -> Any:
        """nodectl's answer, as JSON; None while it does not answer."""
        done = self._guest.run(f"nodectl {' '.join(words)} --socket {SOCKET} -o json", check=False)
        return json.loads(done.out) if done.exit_code in (Exit.OK, Exit.FINDING) else None

    def victims(self) -> set[int]:
        """The pids of all that it has seen killed."""
        found = self.ask("oom") or {}
        incidents = found.get("incidents", found) if isinstance(found, dict) else found
        return {victim.get("pid", 0) for incident in incidents for victim in incident["victims"]}


@pytest.fixture
def trial(guest: Guest) -> Iterator[Trial]:
    """The second agent, answering."""
    agent = Trial(guest)
    try:
        until(lambda: agent.ask("status"), SECONDS, "the trial answers", lambda: agent.process.err)
        yield agent
    finally:
        agent.process.close()
        guest.run(f"rm -rf {STATE} /run/trial")


def instances(guest: Guest) -> set[str]:
    names = guest.run(INSTANCES).out.split()
    return {name for name in names if name.startswith("nodewitness-")}


def test_two_agents(
    pods: Pods, asking: Asking, agent: AgentProcess, trial: Trial, guest: Guest
) -> None:
    """Each has the kill, with its trace. What one leaves or takes away is not the other's: neither
    by `nodewitness uninstall`, which is refused while its own agent runs, nor by SIGKILL.
    """
    both = instances(guest)
    assert len(both) >= 2
    first = child_over_limit(pods, name="seen-by-both")
    kernel, _ = fire(first, asking)
    asking.closed("seen-by-both")
    until(lambda: kernel.victims <= trial.victims(), SECONDS, "the trial has the kill")

    refused = guest.run("nodewitness uninstall", check=False)
    assert refused.exit_code == 1
    assert "stop it first" in refused.err
    agent.stop()
    said = guest.run("nodewitness uninstall --state").out
    trials = instances(guest)
    assert trials
    assert trials < both
    for name in both - trials:
        assert f"removed  trace instance {name}" in said
    for name in trials:
        assert f"left     trace instance {name}" in said
    assert not guest.exists("/var/lib/nodewitness")
    assert trial.ask("status")

    trial.process.signal(signal.SIGKILL)
    trial.process.wait(SECONDS)
    agent.start()  # its start tidies up what nobody owns
    ours = instances(guest)
    assert ours
    assert not ours & trials
    second = child_over_limit(pods, name="seen-by-one")
    fire(second, asking)
    assert asking.closed("seen-by-one").victims
    up = {source.name for source in asking.status().sources if source.state == 1}
    assert "trace" in up

    agent.stop()
    guest.run("nodewitness uninstall --state")
    guest.run(f"mkdir /sys/fs/cgroup{LEFTOVER}")
    words = " ".join(f"--set {pair}" for pair in SETTINGS)
    said = guest.run(f"nodewitness uninstall --state {words}").out
    assert f"removed  cgroup {LEFTOVER}" in said
    assert f"removed  {SOCKET}" in said
    assert f"removed  {STATE}" in said
    assert instances(guest) == set()
    assert guest.run(f"nodewitness uninstall --state {words}").out == ""
