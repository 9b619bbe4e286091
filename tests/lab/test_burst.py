"""A burst of deaths, on a real kernel and a real containerd."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from agent.api.v1 import exits_pb2 as pb
from agent.api.v1.event_pb2 import Event
from agent.api.v1.exits_pb2 import ContainerDeath
from agent.api.v1.oom_pb2 import CONFIDENCE_HIGH
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import EXIT_SECONDS, Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.pods import Container, Pod

METRIC = "nodewitness_container_exits_total"
# Ends come by themselves; what an emulated node spends on looks, its runtime wants.
SETTINGS = {"tick.interval": "2s", "sweep.interval": "5s"}
BURST, PODS = 100, 4
RUNTIME_SECONDS = 600.0
"""A hundred containers end one after the other, as emulated containerd goes: 255 s were seen."""
TOLD_BY_THE_KERNEL = 80
"""Of those that end at once some are gone before their pid is known."""


def number_of(name: str) -> int:
    return int(name.removeprefix("c"))


def removed(name: str) -> bool:
    """Whether this container is removed as soon as it has ended, with all that the runtime knew of
    it: every second.
    """
    return number_of(name) // PODS % 2 == 0


def waits(name: str) -> bool:
    """Whether it lives until all the others are there."""
    return number_of(name) // PODS % 4 > 1


def start(pod: Pod, number: int) -> Container:
    """A container that ends at once, or waits."""
    name, end = f"c{number}", ["exit", str(number % 3)]
    waiting = waits(name)
    argv = ["/bin/work", "wait", *end] if waiting else ["/bin/work", *end]
    made = pod.container(name, argv, log=waiting)
    if waiting:
        made.wait_ready()
    elif removed(name):
        remove(made)
    return made


def remove(container: Container) -> None:
    """As soon as it has ended."""
    container.wait_exited(RUNTIME_SECONDS)
    container.pod.node.cri.call("RemoveContainer", container_id=container.id)


def release(guest: Guest, asking: Asking, waiting: list[Container]) -> None:
    """All of them end, at one go, once the agent follows the last of them."""
    ids = {each.id for each in waiting}

    def followed() -> bool:
        return ids <= {c.container_id for c in asking.containers() if c.HasField("init_pid")}

    until(followed, RUNTIME_SECONDS, "all are followed", lambda: str(asking.containers()), every=1)
    pids = [pid for container in waiting for pid in container.group.pids()]
    assert len(pids) == len(waiting)
    guest.run(f"kill -{signal.SIGUSR1.value} {' '.join(map(str, pids))}")


def test_burst(pods: Pods, agent: AgentProcess, figures: list[str]) -> None:
    """A hundred containers that are made in a burst, in four pods at a time. Half of them end as
    soon as they begin; the others live until all are there, and end together. Every second is
    removed as soon as it has ended: each is told of and counted once, none twice, and none is
    missed. Of one that the runtime has forgotten and whose init was gone before its pid was known,
    that it ended is all that can be told.
    """
    agent.start(SETTINGS)
    asking = Asking(agent)
    begun = time.monotonic()

    def make(worker: int) -> list[Container]:
        pod = pods.create(f"burst-{worker}")
        return [start(pod, number) for number in range(worker, BURST, PODS)]

    with ThreadPoolExecutor(max_workers=PODS) as pool:
        made = [container for each in pool.map(make, range(PODS)) for container in each]
        took = time.monotonic() - begun
        ids = {each.id for each in made}
        assert len(ids) == BURST
        waiting = [each for each in made if waits(each.name)]
        release(pods.node.guest, asking, waiting)
        list(pool.map(remove, (each for each in waiting if removed(each.name))))
        kept = [each for each in made if not removed(each.name)]
        list(pool.map(lambda each: each.wait_exited(RUNTIME_SECONDS), kept))
    told_by_the_runtime = time.monotonic()

    def all_settled() -> list[ContainerDeath] | None:
        deaths = [death for death in asking.exits() if death.container.id in ids]
        return deaths if len(deaths) >= BURST and all(d.settled for d in deaths) else None

    deaths = until(
        all_settled, EXIT_SECONDS, "all have ended", lambda: f"{asking.exits()}", every=1
    )
    settled = time.monotonic() - told_by_the_runtime
    assert sorted(d.container.id for d in deaths) == sorted(ids)
    unknown = {d.container.name for d in deaths if not {"connector", "cri"} & set(d.witnesses)}
    for death in deaths:
        name = death.container.name
        if name in unknown:
            assert removed(name)
            assert (death.verdict, death.HasField("exit_code")) == (pb.VERDICT_UNSPECIFIED, False)
        else:
            assert (death.verdict, death.exit_code) == (pb.VERDICT_EXITED, number_of(name) % 3)
    recorded = Counter(
        event.exit_recorded.container.id
        for event in everything_told(asking)
        if event.WhichOneof("kind") == "exit_recorded"
    )
    assert set(recorded.values()) == {1}
    assert ids <= set(recorded)
    for verdict, names in (("unknown", unknown), ("exited", {c.name for c in made} - unknown)):
        values = asking.metrics(METRIC, verdict=verdict)
        assert {labels["container"]: value for labels, value in values if value} == dict.fromkeys(
            names, 1
        )
    told = [d for d in deaths if d.container.name not in unknown]
    waited = [d for d in deaths if waits(d.container.name)]
    assert all(map(told_by_the_kernel, waited))
    times = sorted(death.boottime_ns for death in waited)
    kernel = sum(map(told_by_the_kernel, told))
    assert kernel >= TOLD_BY_THE_KERNEL
    figures.append(
        f"exits: {BURST} containers made in {took:.0f} s, {len(times)} of them ended within "
        f"{(times[-1] - times[0]) / 1e9:.1f} s, every second removed at once; {kernel} ends "
        f"told by the kernel, {len(told) - kernel} by the runtime, {len(unknown)} by nobody, the "
        f"last {settled:.0f} s after the runtime was done"
    )


def told_by_the_kernel(death: ContainerDeath) -> bool:
    """Whether the kernel told how it ended; if it did not, the entry does not pretend it, and says
    no more than what the runtime has written down.
    """
    assert not death.HasField("sender")
    assert not death.incident_ids
    if "connector" in death.witnesses:
        assert death.init_pid > 0
        return True
    assert "cri" in death.witnesses
    assert death.confidence != CONFIDENCE_HIGH, death
    return False


def everything_told(asking: Asking) -> Iterator[Event]:
    """Every event from the first to the last that is there now."""
    last = asking.status().journal.last_sequence
    for message in asking.watch_all():
        for event in message.events:
            yield event
            if event.sequence >= last:
                return
