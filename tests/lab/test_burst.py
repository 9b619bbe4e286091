"""A burst of deaths, on a real kernel and a real containerd."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc

from agent.api.v1 import exits_pb2 as pb
from agent.api.v1.event_pb2 import Event
from agent.api.v1.exits_pb2 import ContainerDeath
from agent.api.v1.oom_pb2 import CONFIDENCE_HIGH
from tests.lab.asking import EXIT_SECONDS, Asking
from tests.lab.deadline import until
from tests.lab.kubelet import Pods
from tests.lab.pods import Container, Pod

METRIC = "nodewitness_container_exits_total"
BURST, PODS, ATTEMPTS = 100, 4, 3
REMOVED = 2
"""Of so many, one is removed from the runtime as soon as it has ended, with all that it said."""


def removed(number: int) -> bool:
    """Whether the container of this number is removed as soon as it has ended."""
    return number // PODS % REMOVED == 0


def start(pod: Pod, number: int, said: list[str]) -> Container:
    """A container that ends at once. Its start is tried again, as the kubelet does: a shim that is
    slow to answer makes containerd fail.
    """
    for attempt in range(ATTEMPTS):
        argv = ["/bin/work", "exit", str(number % 3)]
        made = pod.container(f"c{number}", argv, attempt=attempt, log=False, start=False)
        try:
            made.start()
        except grpc.RpcError as error:
            said.append(f"{error.code()}: {error.details()}")
            pod.node.cri.call("RemoveContainer", container_id=made.id)
        else:
            if removed(number):
                made.wait_exited()
                pod.node.cri.call("RemoveContainer", container_id=made.id)
            return made
    raise AssertionError("\n".join(said))


def test_burst(pods: Pods, asking: Asking, figures: list[str]) -> None:
    """A hundred containers that are made and end in a burst, one after the other in each of four
    pods, every second removed at once: each is told of and counted once, none twice, and none is
    missed. Of one that the runtime has forgotten and whose init was gone before its pid was known,
    that it ended is all that can be told.
    """
    begun = time.monotonic()
    failed: list[str] = []

    def make(worker: int) -> list[Container]:
        pod = pods.create(f"burst-{worker}")
        return [start(pod, number, failed) for number in range(worker, BURST, PODS)]

    with ThreadPoolExecutor(max_workers=PODS) as pool:
        made = [container for each in pool.map(make, range(PODS)) for container in each]
    took = time.monotonic() - begun
    ids = {each.id for each in made}
    assert len(ids) == BURST

    def all_settled() -> list[ContainerDeath] | None:
        deaths = [death for death in asking.exits() if death.container.id in ids]
        return deaths if len(deaths) >= BURST and all(d.settled for d in deaths) else None

    deaths = until(
        all_settled, EXIT_SECONDS, "all have ended", lambda: f"{asking.exits()}", every=1
    )
    assert sorted(d.container.id for d in deaths) == sorted(ids)
    unknown = {d.container.name for d in deaths if not {"connector", "cri"} & set(d.witnesses)}
    for death in deaths:
        number = int(death.container.name[1:])
        if death.container.name in unknown:
            assert removed(number)
            assert (death.verdict, death.HasField("exit_code")) == (pb.VERDICT_UNSPECIFIED, False)
        else:
            assert (death.verdict, death.exit_code) == (pb.VERDICT_EXITED, number % 3)
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
    kernel = sum(map(told_by_the_kernel, told))
    assert kernel >= BURST / 2  # of the others the init was gone before its pid was known
    figures.append(
        f"exits: {BURST} containers in a burst of {took:.0f} s, every second removed at once; "
        f"{kernel} ends told by the kernel, {len(told) - kernel} by the runtime, {len(unknown)} by "
        f"nobody, {len(failed)} starts that containerd failed"
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
