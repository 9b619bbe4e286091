"""CNI calls on real pods with the real plugins, and the configuration that they need."""

import contextlib
import json
import shlex
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import grpc
import pytest

from agent.api.v1.cni_pb2 import (
    CNI_CALL_STATE_FAILED,
    CNI_CALL_STATE_OK,
    CNI_CALL_STATE_STALLED,
    CNI_CALL_STATE_UNKNOWN,
    NETWORK_STATE_WEDGED,
    NETWORK_STATE_WORKING,
    CNICall,
)
from agent.api.v1.condition_pb2 import CONDITION_STATUS_FALSE, SEVERITY_CRITICAL
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import DeadlineError, until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.pods import Pod
from tests.lab.wire import Process

SECONDS = 120
FAILS_SECONDS = 300
"""A plugin that fails is gone in a moment: it takes some until the agent was in time for a DEL."""
ATTEMPTS, IN_TIME_SECONDS = 6, 20
"""A plugin may be gone before a busy agent can ask whose it was, or how it ended: it is counted
then, and what is not known is said.
"""
CONFIG = "/etc/cni/net.d/10-lab.conflist"
PLUGINS = "/usr/lib/cni"
LOCK = "/run/cni-ipam/lab/lock"
STALL_SECONDS = 6
"""cni.stalled_after of these tests, well below the runtime's own patience."""
SETTINGS = {"cni.slow_after": "2s", "cni.stalled_after": f"{STALL_SECONDS}s"}
QUEUE, ALONE = 12, 38
"""ADDs of pods, and of host-local itself, for fifty pods at once are more than the lab bears."""
ALL_ALONE = """\
export CNI_COMMAND=$1 CNI_IFNAME=eth0 CNI_NETNS=/var/run/netns/alone CNI_PATH=$2
for number in $(seq $3); do
    CNI_CONTAINERID=alone-$number $2/host-local < /run/lab/ipam.json > /dev/null &
done
wait
"""
ASIDE = ".host-local.aside"
"""What host-local is called while it is missing."""


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    """The agent, running, and not as patient as by default."""
    agent.start(SETTINGS)
    return Asking(agent)


@pytest.fixture
def configured(guest: Guest, node: Node) -> Iterator[str]:
    """The text of the configuration; whatever became of it and of the plugins is put back."""
    text = guest.read(CONFIG)
    try:
        yield text
    finally:
        guest.run(
            f"cd {PLUGINS}; rm -f hang failing; chmod +x portmap;"
            f" [ ! -e {ASIDE} ] || mv {ASIDE} host-local"
        )
        guest.write(CONFIG, text)
        until(lambda: network_ready(node), SECONDS, "the runtime has its network again")


def network_ready(node: Node) -> bool:
    """What the runtime itself says."""
    conditions = node.cri.call("Status").status.conditions
    return any(each.type == "NetworkReady" and each.status for each in conditions)


def ended(asking: Asking, pod: str, command: str, plugin: str) -> CNICall:
    """The one call of this kind, once it has ended."""
    return found(asking, pod, command, plugin, SECONDS, how=False)


def found(
    asking: Asking, pod: str, command: str, plugin: str, seconds: float, *, how: bool
) -> CNICall:
    """The one call of this kind, once it is told that it has ended, and (`how`) in which way."""

    def look() -> CNICall | None:
        calls = asking.cni(pod=pod, commands=[command]).cni.calls
        fitting = [c for c in calls if c.plugin == f"{PLUGINS}/{plugin}" and c.HasField("ended")]
        told = [c for c in fitting if not how or c.state != CNI_CALL_STATE_UNKNOWN]
        return told[0] if told else None

    return until(look, seconds, f"{plugin} {command} of {pod} has ended", lambda: str(asking.cni()))


def in_time(pods: Pods, asking: Asking) -> tuple[int, Pod, list[CNICall]]:
    """The first pod of which the agent was in time for each plugin: its number, itself, the three
    of its ADD and the first of its DEL.
    """
    attempt = 1
    while True:
        try:
            return attempt, *come_and_gone(pods, asking, f"healthy-{attempt}")
        except DeadlineError:
            if attempt == ATTEMPTS:
                raise
        attempt += 1


def come_and_gone(pods: Pods, asking: Asking, name: str) -> tuple[Pod, list[CNICall]]:
    """A pod, made and stopped; the calls for it."""
    pod = pods.create(name, host_network=False)
    plugins = ("bridge", "host-local", "portmap")
    calls = [found(asking, name, "ADD", each, IN_TIME_SECONDS, how=True) for each in plugins]
    pod.node.cri.call("StopPodSandbox", pod_sandbox_id=pod.sandbox_id)
    return pod, [*calls, found(asking, name, "DEL", "bridge", IN_TIME_SECONDS, how=True)]


def test_healthy(pods: Pods, agent: AgentProcess, figures: list[str]) -> None:
    """Each plugin of an ADD and of its DEL: whose, how long, that it ended well, and delegates
    below the plugin that executed them.
    """
    agent.start()
    asking = Asking(agent)
    attempt, pod, (add, delegate, chained, gone) = in_time(pods, asking)
    assert (add.state, add.exit_code) == (CNI_CALL_STATE_OK, 0)
    assert add.container_id == pod.sandbox_id
    assert (add.pod.namespace, add.pod.pod_uid) == ("default", pod.uid)
    assert add.interface == "eth0"
    assert add.netns.startswith("/var/run/netns/cni-")
    assert add.took.ToMilliseconds() > 0
    assert (delegate.delegated_by, delegate.exit_code) == (add.pid, 0)
    assert not chained.HasField("delegated_by")
    assert (gone.state, gone.exit_code) == (CNI_CALL_STATE_OK, 0)
    figures.append(
        f"CNI: bridge ADD {add.took.ToMilliseconds()} ms, of which host-local "
        f"{delegate.took.ToMilliseconds()} ms; DEL {gone.took.ToMilliseconds()} ms; the agent was"
        f" in time for all of them at pod {attempt}"
    )
    answer = asking.cni()
    assert answer.cni.health.state == NETWORK_STATE_WORKING
    books = answer.cni.books
    assert books.seen == books.running + books.ended + books.missed + books.others
    (file,) = answer.cni.config.files
    assert (file.loaded, file.network, file.problem) == (True, "lab", "")
    assert [p.type for p in file.plugins] == ["bridge", "host-local", "portmap"]
    assert all(plugin.path and not plugin.problem for plugin in file.plugins)
    labels = {"command": "ADD", "result": "ok"}
    assert asking.metric("nodewitness_cni_calls_total", **labels) >= 2
    for name in ("CNIStalled", "CNINotConfigured"):
        assert not asking.conditions(types=[name])


def use_plugin(guest: Guest, node: Node, text: str, name: str, script: str) -> None:
    """Have the runtime call this script in place of bridge, and wait until it has noticed."""
    guest.write(f"{PLUGINS}/{name}", script)
    guest.run(f"chmod +x {PLUGINS}/{name}")
    guest.write(CONFIG, text.replace('"type": "bridge"', f'"type": "{name}"'))

    def loaded() -> bool:
        info = node.cri.call("Status", verbose=True).info
        return f'"{name}"' in info.get("cniconfig", "")

    until(loaded, SECONDS, f"the runtime has loaded {name}")


@contextlib.contextmanager
def gate(guest: Guest, path: str) -> Iterator[None]:
    """A FIFO whose readers wait; at the end they go on."""
    guest.run(["mkfifo", path])
    try:
        yield
    finally:
        guest.run(f"timeout 1 sh -c 'echo > {path}'; rm -f {path}", check=False)


def in_flight(asking: Asking, pod: str, plugin: str) -> CNICall:
    """The one ADD of the pod, once it is stalled and its task was looked at."""

    def found() -> CNICall | None:
        calls = asking.cni(pod=pod, commands=["ADD"], states=[CNI_CALL_STATE_STALLED]).cni.calls
        fitting = [c for c in calls if c.plugin == f"{PLUGINS}/{plugin}" and c.wait.state]
        return fitting[0] if fitting else None

    return until(found, SECONDS, f"{plugin} of {pod} hangs", lambda: str(asking.cni()))


def test_hanging_plugin(
    pods: Pods, guest: Guest, agent: AgentProcess, asking: Asking, configured: str
) -> None:
    """A plugin that waits for ever is seen long before the runtime gives up: pid, age, where it
    waits, and for whom; an agent that is killed and comes back finds it again; when it goes on, by
    executing the real plugin in its place, all is well. Then one that fails.
    """
    path = "/run/lab/cni-gate"
    script = f'#!/bin/sh\n[ "$CNI_COMMAND" != ADD ] || read line < {path}\nexec {PLUGINS}/bridge\n'
    use_plugin(guest, pods.node, configured, "hang", script)
    with ThreadPoolExecutor(max_workers=1) as pool, gate(guest, path):
        made = pool.submit(pods.create, "hung", host_network=False)
        call = in_flight(asking, "hung", "hang")
        assert guest.read(f"/proc/{call.pid}/comm") == "hang\n"
        assert call.took.ToSeconds() >= STALL_SECONDS
        assert call.wait.state == "S"
        assert call.wait.wchan == guest.read(f"/proc/{call.pid}/wchan")
        condition = asking.condition("CNIStalled", "", lambda c: "state S" in c.message)
        assert (condition.reason, condition.severity) == ("Wedged", SEVERITY_CRITICAL)
        assert f"hang[{call.pid}] (ADD for default/hung)" in condition.message
        assert asking.cni().cni.health.state == NETWORK_STATE_WEDGED
        assert asking.metric("nodewitness_cni_oldest_call_seconds") >= STALL_SECONDS
        said = guest.run(["nodectl", "cni", "--running"], check=False)
        assert said.exit_code == 1
        assert "WEDGED" in said.out
        assert f"hang[{call.pid}] default/hung: S in {call.wait.wchan}" in said.out
        assert pods.node.containerd.running()
        assert not made.done()
        (sandbox,) = [c for c in asking.runtime().creations if c.pod.pod == "hung"]
        assert (sandbox.made, sandbox.plugin, sandbox.plugin_pid) == ("sandbox", "hang", call.pid)
        assert sandbox.took.ToSeconds() >= STALL_SECONDS

        agent.restart(9)
        again = in_flight(asking, "hung", "hang")
        assert again.pid == call.pid
        assert again.took.ToSeconds() >= STALL_SECONDS
        asking.condition("CNIStalled", "", lambda c: f"hang[{call.pid}]" in c.message)
        guest.run(f"echo > {path}")
        made.result()
    done = ended(asking, "hung", "ADD", "bridge")
    assert (done.pid, done.exit_code) == (call.pid, 0)
    asking.condition("CNIStalled", "", status=CONDITION_STATUS_FALSE)
    failing_plugin(pods, guest, asking, configured)


def failing_plugin(pods: Pods, guest: Guest, asking: Asking, configured: str) -> None:
    """Each call ends with a code; when nothing else has been tried for long enough, the network is
    what fails.
    """
    error = '{"cniVersion": "1.0.0", "code": 11, "msg": "the backend is not ready"}'
    script = f"#!/bin/sh\n[ \"$CNI_COMMAND\" != ADD ] || {{ echo '{error}'; exit 3; }}\n"
    use_plugin(guest, pods.node, configured, "failing", script)
    for number in range(2):
        with pytest.raises(grpc.RpcError, match="the backend is not ready"):
            pods.create(f"fails-{number}", host_network=False)
    assert not asking.conditions(types=["CNIStalled"])

    def known(command: str) -> list[CNICall]:
        """Whose process was gone before the agent could ask for its command is not among them, nor
        whose exit code was not told (yet).
        """
        states = [CNI_CALL_STATE_OK, CNI_CALL_STATE_FAILED]
        calls = asking.cni(commands=[command], states=states).cni.calls
        return [call for call in calls if call.plugin == f"{PLUGINS}/failing"]

    def told() -> bool:
        with contextlib.suppress(grpc.RpcError):
            pods.create("fails-on", host_network=False)
        stalled = asking.conditions(types=["CNIStalled"])
        return bool(stalled and known("ADD") and known("DEL"))

    until(told, FAILS_SECONDS, "failing again and again is a stall", lambda: str(asking.cni()))
    (condition,) = asking.conditions(types=["CNIStalled"])
    assert condition.reason == "NoSuccess"
    assert {(c.state, c.exit_code) for c in known("ADD")} == {(CNI_CALL_STATE_FAILED, 3)}
    assert {(c.state, c.exit_code) for c in known("DEL")} == {(CNI_CALL_STATE_OK, 0)}
    assert all(c.pod.pod.startswith("fails-") for c in known("ADD") + known("DEL"))
    assert "the last failure of failing with code 3" in condition.message


def test_queue_on_a_lock(
    pods: Pods, guest: Guest, asking: Asking, configured: str, figures: list[str]
) -> None:
    """Many ADDs at once, all behind host-local's lock that another process holds: each waiter and
    the holder are named; when the lock is free, each pod gets its network and each call is booked.
    Then the configuration breaks in all its ways.
    """
    lock = "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, 2); print('held')"
    lock += "; sys.stdout.flush(); time.sleep(3600)"
    guest.run(f"mkdir -p {LOCK.rpartition('/')[0]}")
    holder = guest.start(f"exec python3 -c {shlex.quote(lock)} {LOCK}")
    names = [f"queue-{number}" for number in range(QUEUE)]
    alone = [f"alone-{number + 1}" for number in range(ALONE)]
    network = json.loads(configured)
    ipam = {key: network[key] for key in ("cniVersion", "name")}
    guest.write("/run/lab/ipam.json", json.dumps({**ipam, "ipam": network["plugins"][0]["ipam"]}))

    def all_alone(command: str) -> Process:
        return guest.start(["sh", "-c", ALL_ALONE, "sh", command, PLUGINS, f"{ALONE}"])

    def waiting() -> list[CNICall]:
        calls = asking.cni(commands=["ADD"], states=[CNI_CALL_STATE_STALLED]).cni.calls
        return [c for c in calls if c.wait.lock_file == LOCK]

    with ThreadPoolExecutor(max_workers=QUEUE) as pool, contextlib.ExitStack() as stack:
        made: list[Future[Pod]] = []
        try:
            until(lambda: "held" in holder.out, SECONDS, "the lock is held", lambda: holder.err)
            others = stack.enter_context(contextlib.closing(all_alone("ADD")))
            made += [pool.submit(pods.create, name, host_network=False) for name in names]
            until(
                lambda: len(waiting()) == QUEUE + ALONE,
                SECONDS,
                f"{QUEUE + ALONE} calls wait for the lock",
                lambda: str(asking.cni()),
            )
            calls = waiting()
            assert sorted(c.pod.pod for c in calls if c.HasField("delegated_by")) == sorted(names)
            direct = [call.container_id for call in calls if not call.HasField("delegated_by")]
            assert sorted(direct) == sorted(alone)
            for call in calls:
                assert call.plugin == f"{PLUGINS}/host-local"
                (held_by,) = call.wait.lock_holders
                assert (held_by.pid, held_by.comm) == (holder.pid, "python3")
                assert call.wait.lock_kind == "FLOCK"
            held = f"waiting for the lock of {LOCK}, held by python3[{holder.pid}]"
            condition = asking.condition("CNIStalled", "", lambda c: held in c.message)
            assert condition.reason == "Wedged"
            assert f"{QUEUE + ALONE} calls hang" in condition.message
            figures.append(
                f"CNI: {QUEUE + ALONE} ADDs behind one lock, each named with the holder, those of"
                f" {QUEUE} pods with their pods"
            )
        finally:
            holder.close()
        for future in made:
            future.result()
        assert others.wait(SECONDS).exit_code == 0
    with contextlib.closing(all_alone("DEL")) as removed:
        assert removed.wait(SECONDS).exit_code == 0
    for name in names:
        assert ended(asking, name, "ADD", "bridge").state == CNI_CALL_STATE_OK
    asking.condition("CNIStalled", "", status=CONDITION_STATUS_FALSE)
    books = asking.cni().cni.books
    assert books.seen == books.running + books.ended + books.missed + books.others
    configuration(pods, guest, asking, configured)


def configuration(pods: Pods, guest: Guest, asking: Asking, configured: str) -> None:
    """No file, a broken one, a plugin that is missing and one that cannot be executed: each is
    named, although of the last two the runtime says that its network is ready.
    """

    def because(reason: str, words: str) -> None:
        found = asking.condition("CNINotConfigured", "", lambda c: c.reason == reason)
        assert found.severity == SEVERITY_CRITICAL
        assert words in found.message
        assert found.evidence

    until(lambda: asking.cni().cni.config.watched, SECONDS, "the directory is watched")
    guest.run(["rm", CONFIG])
    because("NoConfiguration", "no .conf, .conflist or .json in /etc/cni/net.d")
    assert guest.run(["nodectl", "cni"], check=False).exit_code == 1
    guest.write(CONFIG, "{nonsense")
    because("InvalidConfiguration", f"the runtime cannot load {CONFIG}")
    until(lambda: not network_ready(pods.node), SECONDS, "the runtime says so too")
    guest.write(CONFIG, configured)
    asking.condition("CNINotConfigured", "", status=CONDITION_STATUS_FALSE)

    until(lambda: network_ready(pods.node), SECONDS, "the runtime says so too")
    guest.run(f"cd {PLUGINS} && mv host-local {ASIDE}")
    because("PluginMissing", f"plugin host-local of {CONFIG}: no such file in /opt/cni/bin")
    until(lambda: asking.cni().cni.runtime.ready, SECONDS, "and the runtime does not notice")
    assert "network is ready  <- wrong" in guest.run(["nodectl", "cni"]).out
    guest.run(f"cd {PLUGINS} && mv {ASIDE} host-local && chmod -x portmap")
    because("PluginUnusable", f"{PLUGINS}/portmap is not executable")
    guest.run(f"chmod +x {PLUGINS}/portmap")
    asking.condition("CNINotConfigured", "", status=CONDITION_STATUS_FALSE)
