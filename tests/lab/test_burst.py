"""A burst of deaths, on a real kernel and a real containerd."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from agent.api.v1 import exits_pb2 as pb
from agent.api.v1.event_pb2 import Event
from agent.api.v1.exits_pb2 import ContainerDeath
from tests.lab.asking import EXIT_SECONDS, Asking
from tests.lab.deadline import until
from tests.lab.kubelet import Pods
from tests.lab.pods import Container

METRIC = "nodewitness_container_exits_total"
BURST = 100


def test_burst(pods: Pods, asking: Asking, figures: list[str]) -> None:
    """A hundred containers that are made and end in a burst: each is told of and counted once, none
    twice, and none is missed.
    """
    pod = pods.create("burst")
    begun = time.monotonic()

    def make(number: int) -> Container:
        return pod.container(f"c{number}", ["/bin/work", "exit", str(number % 3)], log=False)

    with ThreadPoolExecutor(max_workers=4) as pool:
        made = list(pool.map(make, range(BURST)))
    took = time.monotonic() - begun

    def all_settled() -> list[ContainerDeath] | None:
        deaths = asking.exits(pod="burst")
        return deaths if len(deaths) >= BURST and all(d.settled for d in deaths) else None

    deaths = until(
        all_settled, EXIT_SECONDS, "all have ended", lambda: f"{asking.exits()}", every=1
    )
    assert sorted(d.container.id for d in deaths) == sorted(each.id for each in made)
    for death in deaths:
        assert death.exit_code == int(death.container.name[1:]) % 3
        assert death.verdict == pb.VERDICT_EXITED
    recorded = Counter(
        event.exit_recorded.container.id
        for event in everything_told(asking)
        if event.WhichOneof("kind") == "exit_recorded"
    )
    assert recorded == Counter(each.id for each in made)
    values = asking.metrics(METRIC, pod="burst")
    ones = {labels["container"]: value for labels, value in values if value}
    assert ones == {each.name: 1 for each in made}
    assert {labels["verdict"] for labels, value in values if value} == {"exited"}
    kernel = sum("connector" in death.witnesses for death in deaths)
    figures.append(
        f"exits: {BURST} containers in a burst of {took:.0f} s, {kernel} ends told by the kernel"
    )


def everything_told(asking: Asking) -> Iterator[Event]:
    """Every event from the first to the last that is there now."""
    last = asking.status().journal.last_sequence
    for message in asking.watch_all():
        for event in message.events:
            yield event
            if event.sequence >= last:
                return
