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
    NETWORK_STATE_FLAPPING,
    NETWORK_STATE_SLOW,
    NETWORK_STATE_WEDGED,
    NETWORK_STATE_WORKING,
    CNICall,
    NetworkState,
)
from agent.api.v1.condition_pb2 import (
    CONDITION_STATUS_FALSE,
    CONDITION_STATUS_UNKNOWN,
    SEVERITY_CRITICAL,
    SEVERITY_WARNING,
)
from agent.api.v1.runtime_pb2 import CREATION_STEP_IMAGE, CREATION_STEP_NETWORK, Creation
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
FIRST = "/etc/cni/net.d/05-first.conflist"
PLUGINS = "/usr/lib/cni"
TOML = "/etc/containerd/config.toml"
MOVED_OUT = "/etc/cni/moved"  # a move within one file system
MOVED, MOVED_PLUGINS = "/var/lib/elsewhere/cni/net.d", "/home/kubernetes/bin"
LOCK = "/run/cni-ipam/lab/lock"
STALL_SECONDS = 6
"""cni.stalled_after of these tests, well below the runtime's own patience."""
SETTINGS = {
    "cni.slow_after": "2s",
    "cni.stalled_after": f"{STALL_SECONDS}s",
    "runtime.creation_stalled_after": f"{STALL_SECONDS}s",
}
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
            f"cd {PLUGINS}; rm -f hang failing {FIRST}; chmod +x portmap;"
            f" [ ! -e {ASIDE} ] || mv {ASIDE} host-local"
        )
        guest.write(CONFIG, text)
        until(node.network_ready, SECONDS, "the runtime has its network again")


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


@pytest.fixture
def moved(guest: Guest, node: Node, configured: str) -> Iterator[None]:
    """containerd has its configuration and plugins where nobody expects them; at the end all is as
    it was.
    """
    toml = guest.read(TOML)
    there = toml.replace(f'"{PLUGINS}"', f'"{MOVED_PLUGINS}"')
    there = there.replace(f'"{CONFIG.rpartition("/")[0]}"', f'"{MOVED}"')
    try:
        guest.run(
            f"mkdir -p {MOVED} {MOVED_PLUGINS} && mv {CONFIG} {MOVED}/"
            f" && cp -a {PLUGINS}/. {MOVED_PLUGINS}/"
        )
        guest.write(TOML, there)
        node.stop_containerd()
        node.start_containerd()
        yield
    finally:
        guest.write(TOML, toml)
        guest.write(CONFIG, configured)
        node.stop_containerd()
        node.start_containerd()
        guest.run(["rm", "-rf", MOVED, MOVED_PLUGINS])


def test_elsewhere(pods: Pods, guest: Guest, agent: AgentProcess, moved: None) -> None:
    """Who is set to look in the wrong place does not know, and says what to set. Who is not goes
    where the runtime says that it looks: the configuration is found, and each call is seen.
    """
    wrong = {"cni.conf_dir": CONFIG.rpartition("/")[0], "cni.bin_dirs": PLUGINS}
    agent.start(wrong)
    asking = Asking(agent)
    found = asking.condition("CNINotConfigured", "", status=CONDITION_STATUS_UNKNOWN)
    assert "ready by a configuration elsewhere" in found.message
    assert "set cni.conf_dir and cni.bin_dirs" in found.message
    asking.condition(
        "PodIPsExhausted",
        "",
        lambda condition: "ready by a configuration elsewhere" in condition.message,
        status=CONDITION_STATUS_UNKNOWN,
    )
    said = guest.run(["nodectl", "--timeout", "60s", "cni"])
    assert "config   NOT KNOWN: the runtime's network is ready" in said.out
    agent.stop()

    agent.start()
    asking = Asking(agent)
    until(
        lambda: asking.cni().cni.config.directory == MOVED,
        SECONDS,
        "it looks where the runtime does",
        lambda: str(asking.cni()),
    )
    config = asking.cni().cni.config
    assert list(config.bin_directories) == [MOVED_PLUGINS]
    assert [(file.loaded, file.path) for file in config.files] == [
        (True, f"{MOVED}/10-lab.conflist")
    ]
    assert [plugin.path for plugin in config.files[0].plugins] == [
        f"{MOVED_PLUGINS}/{name}" for name in ("bridge", "host-local", "portmap")
    ]
    attempt = 1
    while f"{MOVED_PLUGINS}/bridge" not in {call.plugin for call in asking.cni().cni.calls}:
        assert attempt <= ATTEMPTS, asking.cni()
        pods.create(f"elsewhere-{attempt}", host_network=False)
        attempt += 1
    asking.condition("CNINotConfigured", "", status=CONDITION_STATUS_FALSE)


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


def making(asking: Asking, pod: str, step: int) -> Creation:
    """What is being made of the pod, once that is all and in this step."""

    def found() -> Creation | None:
        made = [each for each in asking.runtime().creations if each.pod == pod]
        return made[0] if [each.step for each in made] == [step] else None

    return until(found, SECONDS, f"{pod} is in step {step}", lambda: str(asking.runtime()))


def in_the_making(asking: Asking, guest: Guest, call: CNICall) -> None:
    """The pod's sandbox is being made, and its network is the step; that takes too long."""
    creation = making(asking, "hung", CREATION_STEP_NETWORK)
    assert (creation.sandbox, creation.namespace) == (True, "default")
    assert (creation.pid, creation.comm) == (call.pid, "hang")
    assert (creation.state, creation.wchan) == ("S", call.wait.wchan)
    assert creation.begun.ToNanoseconds() <= creation.since.ToNanoseconds()
    assert asking.metric("nodewitness_runtime_creations_in_progress", step="network") == 1
    oldest = asking.metric("nodewitness_runtime_creations_oldest_seconds", step="network")
    assert oldest is not None
    assert oldest >= STALL_SECONDS
    found = asking.condition("CreationStalled", "hung", lambda c: c.reason == "Network")
    assert "it has had no sandbox for" in found.message
    assert f"hang[{call.pid}] has worked on its network for" in found.message
    (line,) = (
        line
        for line in guest.run(["nodectl", "runtime"], check=False).out.splitlines()
        if "default/hung" in line
    )
    assert f"hang[{call.pid}] S in {call.wait.wchan}" in line


def test_hanging_plugin(
    pods: Pods, guest: Guest, agent: AgentProcess, asking: Asking, configured: str
) -> None:
    """A plugin that waits for ever is seen long before the runtime gives up: pid, age, where it
    waits, for whom, and which sandbox does not get done for it; an agent that is killed and comes
    back finds it again; when other pods get their networks meanwhile, those are slow and not
    wedged; when it goes on, by executing the real plugin in its place, all is well, and the pod
    waits for a container. Then one that fails.
    """
    path = "/run/lab/cni-gate"
    script = (
        f'#!/bin/sh\ncase "$CNI_COMMAND $CNI_ARGS" in\n'
        f'"ADD "*K8S_POD_NAME=hung*) read line < {path} ;;\nesac\nexec {PLUGINS}/bridge\n'
    )
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
        said = guest.run(["nodectl", "--timeout", "60s", "cni", "--running"], check=False)
        assert said.exit_code == 1
        assert "WEDGED" in said.out
        assert f"hang[{call.pid}] default/hung: S in {call.wait.wchan}" in said.out
        in_the_making(asking, guest, call)
        assert pods.node.containerd.running()
        assert not made.done()

        agent.restart(9)
        again = in_flight(asking, "hung", "hang")
        assert again.pid == call.pid
        assert again.took.ToSeconds() >= STALL_SECONDS
        asking.condition("CNIStalled", "", lambda c: f"hang[{call.pid}]" in c.message)
        assert making(asking, "hung", CREATION_STEP_NETWORK).pid == call.pid
        # One of whose calls the agent was too late for proves nothing: another one is made.
        becomes(pods, asking, NETWORK_STATE_SLOW, "slow: a pod waits long for one")
        alone = asking.condition("CNIStalled", "", lambda c: c.reason == "CallStalled")
        assert alone.severity == SEVERITY_WARNING
        assert not made.done()
        guest.run(f"echo > {path}")
        made.result()
    done = ended(asking, "hung", "ADD", "bridge")
    assert (done.pid, done.exit_code) == (call.pid, 0)
    asking.condition("CNIStalled", "", status=CONDITION_STATUS_FALSE)
    asking.condition("CreationStalled", "hung", status=CONDITION_STATUS_FALSE)
    assert not making(asking, "hung", CREATION_STEP_IMAGE).sandbox
    failing_plugin(pods, guest, asking, configured)


def becomes(pods: Pods, asking: Asking, state: NetworkState, words: str) -> None:
    """This is how pods get their networks, once one more has got its own. If the agent was too late
    for a call of that one it proves nothing, and another one is made.
    """
    attempt = 1
    while True:
        pods.create(f"fine-{state}-{attempt}", host_network=False)
        try:
            until(
                lambda: asking.cni().cni.health.state == state,
                IN_TIME_SECONDS,
                words,
                lambda: str(asking.cni()),
            )
            break
        except DeadlineError:
            if attempt == ATTEMPTS:
                raise
        attempt += 1
    said = pods.node.guest.run(["nodectl", "--timeout", "60s", "cni"], check=False).out
    assert words in " ".join(said.split())


def failing_plugin(pods: Pods, guest: Guest, asking: Asking, configured: str) -> None:
    """Each call ends with a code; when nothing else has been tried for long enough, the network is
    what fails; when one works again, it is one that works for some.
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

    def loaded() -> bool:
        return '"failing"' not in pods.node.cri.call("Status", verbose=True).info["cniconfig"]

    guest.write(CONFIG, configured)
    until(loaded, SECONDS, "the runtime has loaded the configuration")
    becomes(pods, asking, NETWORK_STATE_FLAPPING, "flapping: some pods get one, some do not")
    assert asking.metric("nodewitness_cni_network", state="flapping") == 1


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


def the_first_file(pods: Pods, guest: Guest, asking: Asking, configured: str) -> None:
    """Of two files the one that sorts first is loaded, by the runtime and as the agent says."""

    def loaded() -> list[tuple[str, str]]:
        return [(f.path, f.network) for f in asking.cni().cni.config.files if f.loaded]

    def by_the_runtime() -> bool:
        return '"first"' in pods.node.cri.call("Status", verbose=True).info["cniconfig"]

    guest.write(FIRST, configured.replace('"name": "lab"', '"name": "first"'))
    until(lambda: loaded() == [(FIRST, "first")], SECONDS, "the first file counts")
    until(by_the_runtime, SECONDS, "the runtime has loaded it")
    said = " ".join(guest.run(["nodectl", "--timeout", "60s", "cni"], check=False).out.split())
    assert f"ignored: {CONFIG}, for the first file alone is loaded" in said
    guest.run(["rm", FIRST])
    until(lambda: loaded() == [(CONFIG, "lab")], SECONDS, "the other one counts again")


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
    the_first_file(pods, guest, asking, configured)
    guest.run(["rm", CONFIG])
    because("NoConfiguration", "no .conf, .conflist or .json in /etc/cni/net.d")
    assert guest.run(["nodectl", "--timeout", "60s", "cni"], check=False).exit_code == 1
    guest.write(CONFIG, configured)
    until(pods.node.network_ready, SECONDS, "the runtime has it again")
    guest.run(["mv", CONFIG, MOVED_OUT])
    until(lambda: not pods.node.network_ready(), SECONDS, "the runtime has seen that it is gone")
    guest.run(["mv", MOVED_OUT, CONFIG])
    because("NotLoaded", f"the runtime has not loaded {CONFIG}: ")
    assert not pods.node.network_ready()
    guest.write(CONFIG, "{nonsense")
    because("InvalidConfiguration", f"the runtime cannot load {CONFIG}")
    until(lambda: not pods.node.network_ready(), SECONDS, "the runtime says so too")
    guest.write(CONFIG, configured)
    asking.condition("CNINotConfigured", "", status=CONDITION_STATUS_FALSE)

    until(pods.node.network_ready, SECONDS, "the runtime says so too")
    guest.run(f"cd {PLUGINS} && mv host-local {ASIDE}")
    because("PluginMissing", f"plugin host-local of {CONFIG}: no such file in {PLUGINS}")
    until(lambda: asking.cni().cni.runtime.ready, SECONDS, "and the runtime does not notice")

    def wrong() -> bool:  # a runtime that is late with its answer says nothing, for a while
        said = guest.run(["nodectl", "--timeout", "60s", "cni"])
        return "network is ready  <- wrong" in said.out

    until(wrong, SECONDS, "nodectl says so", every=1)
    guest.run(f"cd {PLUGINS} && mv {ASIDE} host-local && chmod -x portmap")
    because("PluginUnusable", f"{PLUGINS}/portmap is not executable")
    guest.run(f"chmod +x {PLUGINS}/portmap")
    asking.condition("CNINotConfigured", "", status=CONDITION_STATUS_FALSE)
