"""Pressure on a real kernel: a trigger wakes the agent, which tells an episode and who thrashes;
and containers that are killed and restarted again and again while they wait for memory, or a disk.
"""

import json
from contextlib import closing

from agent.api.v1.condition_pb2 import CONDITION_STATUS_TRUE, ENTITY_KIND_NODE, ENTITY_KIND_POD
from agent.api.v1.exits_pb2 import ContainerDeath
from agent.api.v1.pressure_pb2 import PressureEpisode
from agent.detect.restart_storm import IO_FULL, MEMORY_FULL
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.pods import Container
from tests.lab.scenarios.case import MIB
from tests.lab.scenarios.restarts import again, restarts
from tests.lab.scenarios.slow_disk import MOUNT, slow_disk

SECONDS = 120.0
HIGH_MIB = 16
EATERS, EACH_MIB = 4, 24
"""At two seconds of sleep for each 64 pages above memory.high they are at it for minutes."""
THRASH = ["/bin/work", "wait", "multi", str(EATERS), str(EACH_MIB)]
ABOVE_HIGH = {"memory.high": str(HIGH_MIB * MIB)}
STALLED_SECONDS = 5
"""Of a container, in all: its avg10 is beyond a quarter then."""
WRITTEN = str(2 * MIB)
"""A second, of what is synced by the MiB: whoever is killed waits for no more than what is due."""
# A reader of the same trigger that does nothing else: one line when armed, one when it fires.
RAW = """
import os, select, time
file = os.open("/sys/fs/cgroup/kubepods/memory.pressure", os.O_RDWR | os.O_NONBLOCK)
os.write(file, b"some 150000 1000000")
poll = select.poll()
poll.register(file, select.POLLPRI)
print("armed", flush=True)
poll.poll()
print(time.clock_gettime_ns(time.CLOCK_BOOTTIME), flush=True)
"""


def told(asking: Asking, began: PressureEpisode) -> list[PressureEpisode]:
    """The events of this episode that are held."""
    last = asking.status().journal.last_sequence
    found = []
    stream = asking.watch_all()
    for message in stream:
        for event in message.events:
            if event.WhichOneof("kind") == "pressure_crossed":
                episode = event.pressure_crossed
                if episode.started_boottime_ns == began.started_boottime_ns:
                    found.append(episode)
        if message.position.sequence >= last:
            stream.cancel()  # type: ignore[attr-defined]
            return found
    raise AssertionError("the stream ended")


def stalls(asking: Asking, container: Container, resource: str) -> None:
    """Wait until the agent has read of it that all its tasks have stalled for so long."""

    def read() -> bool:
        found = asking.containers(pod=container.pod.name)
        usage = [each.usage for each in found if each.container_id == container.id]
        stalled = [getattr(each, f"{resource}_pressure").stalled for each in usage]
        return bool(stalled) and stalled[0].ToSeconds() >= STALLED_SECONDS

    until(read, SECONDS, f"{resource} is waited for", lambda: str(asking.containers()))


def storm(asking: Asking, pod: str, reason: str, figures: list[str]) -> list[ContainerDeath]:
    """The three restarts of a pod that are a storm, for that reason: all of them under pressure."""
    deaths = restarts(asking, pod, 3)
    said = asking.condition("RestartStorm", pod)
    assert (said.entity.kind, said.reason) == (ENTITY_KIND_POD, reason)
    assert "killed and restarted containers 3 times" in said.message
    assert "none of them an OOM kill, 3 under pressure" in said.message
    figures.append(f"restart storm, {said.reason}: {said.message}")
    return deaths


def test_a_container_above_memory_high(
    pods: Pods, agent: AgentProcess, guest: Guest, figures: list[str]
) -> None:
    """Its tasks stall at memory.high: one event when that begins and one when it is over, and it is
    named as the one that thrashes although nothing is killed. Its restarts are a storm; so are
    those of three others, that wait for a disk.
    """
    container = pods.create("thrash").container(
        "main", THRASH, memory_max=256 * MIB, unified=ABOVE_HIGH
    )
    container.wait_ready()
    agent.start({"pressure.hold": "5s"})
    asking = Asking(agent)

    def armed() -> bool:
        triggers = asking.pressure().triggers
        return len(triggers) == 6 and all(trigger.armed for trigger in triggers)

    until(armed, SECONDS, "all triggers are armed", lambda: str(asking.pressure()))
    scopes = {level.scope for level in asking.pressure().levels}
    assert scopes == {"node", "kubepods", "burstable", "besteffort"}

    argv = ["python3", "-c", RAW]
    with closing(guest.start(argv, cgroup="system.slice/raw.service")) as raw:
        until(lambda: raw.out.startswith("armed"), SECONDS, "the raw reader has armed")
        begun = float(guest.read("/proc/uptime").split()[0])
        container.group.go()

        def first() -> PressureEpisode | None:
            return next(
                (
                    episode
                    for episode in asking.pressure().current
                    if (episode.scope, episode.resource) == ("kubepods", "memory")
                ),
                None,
            )

        episode = until(first, SECONDS, "an episode", lambda: str(asking.pressure()))
        until(lambda: len(raw.out.split()) == 2, SECONDS, "the raw reader is woken")
        ours, theirs = (
            episode.started_boottime_ns / 1e9 - begun,
            int(raw.out.split()[1]) / 1e9 - begun,
        )
    figures.append(
        f"pressure: from the first stall to an event {ours:.2f} s, to a raw reader of a trigger "
        f"{theirs:.2f} s; window 1 s"
    )
    assert episode.window_stall.ToMicroseconds() >= 150_000
    assert not episode.over

    thrash = asking.condition("ReclaimThrash", "thrash")
    assert (thrash.status, thrash.reason) == (CONDITION_STATUS_TRUE, "AboveHigh")
    assert thrash.entity.names.name == "main"
    stall = asking.condition("MemoryStall", "")  # after ten seconds of it
    assert stall.entity.kind == ENTITY_KIND_NODE
    assert stall.message.startswith("memory pressure of kubepods: all its tasks with work waited")
    labels = {"scope": "kubepods", "resource": "memory"}
    assert asking.metric("nodewitness_pressure_episode", **labels) == 1
    for scope in ("kubepods", "node"):  # whose tasks those of kubepods are too
        fired = {"scope": scope, "resource": "memory"}
        assert asking.metric("nodewitness_pressure_trigger_fired_total", **fired) >= 1
    assert asking.metric("nodewitness_pressure_waiting_seconds_total", **labels) > 0.15
    shown = guest.run(["nodectl", "pressure", "-o", "json"], seconds=60).out
    assert json.loads(shown)["thrashing"][0]["pod"] == "thrash"

    assert container.group.memory_events()["oom_kill"] == 0

    stalls(asking, container, "memory")
    for _ in range(2):
        container = again(asking, container, THRASH, ABOVE_HIGH)
        container.group.go()
        stalls(asking, container, "memory")
    again(asking, container)
    for death in storm(asking, "thrash", "MemoryPressure", figures):
        assert death.memory_pressure_full >= MEMORY_FULL

    def ended() -> PressureEpisode | None:
        found = asking.pressure().last
        began = episode.started_boottime_ns
        return next((each for each in found if each.started_boottime_ns == began), None)

    over = until(ended, SECONDS, "it is over", lambda: str(asking.pressure()))
    assert over.stall.ToMicroseconds() >= episode.window_stall.ToMicroseconds()
    assert over.last_fired_boottime_ns > over.started_boottime_ns
    began_event, over_event = told(asking, over)
    assert (began_event.over, over_event.over) == (False, True)
    assert over_event == over

    pods.remove_all()  # of pods that are gone no restart counts
    with slow_disk(guest) as disk:
        pod = pods.create("waits")
        disk.limit_writes(pod.group.directory, WRITTEN)
        mounts = [{"host_path": MOUNT, "container_path": "/data"}]
        writers = [
            pod.container(name, ["/bin/work", "write", f"/data/{name}", "0"], mounts=mounts)
            for name in ("a", "b", "c")
        ]
        for writer in writers:
            stalls(asking, writer, "io")
        for writer in writers:
            again(asking, writer)
        for death in storm(asking, "waits", "IOPressure", figures):
            assert death.io_pressure_full >= IO_FULL
        pods.remove_all()
