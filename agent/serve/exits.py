"""Deaths of containers: the answer to ListExits, and their series."""

from __future__ import annotations

from collections.abc import Mapping

from agent.api.exits import VERDICT, death_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.api.wire import timestamp
from agent.model.exits import Verdict
from agent.serve.exposition import Counter, escape_label, visible
from agent.serve.messages import InvalidRequestError, list_limit, since_ns, that_fit
from agent.state.deaths import DeathIndex

EXITS = Counter(
    name="nodewitness_container_exits",
    help="Deaths of containers, by why they ended. Starts at 0 while the container lives.",
)
EXIT_LABELS = ("namespace", "pod", "container", "verdict")

_Names = tuple[str, str, str]  # namespace, pod, container
Counts = Mapping[_Names, Mapping[Verdict, int]]
"""Those of one container are another object when one of them has changed."""


async def answer(request: pb.ListExitsRequest, deaths: DeathIndex) -> pb.ListExitsResponse:
    """As many as were asked for and fit into one message; raises InvalidRequestError."""
    limit, since = list_limit(request), since_ns(request)
    verdicts = {_verdict(number) for number in request.verdicts}
    found, more = deaths.select(
        since_wall_ns=since,
        namespace=request.namespace,
        pod=request.pod,
        container=request.container,
        verdicts=verdicts,
        limit=limit,
    )
    oldest = deaths.oldest_wall_ns
    exits, cut = await that_fit(map(death_to_wire, found))
    return pb.ListExitsResponse(
        exits=exits,
        truncated=more or cut,
        oldest_held=None if oldest is None else timestamp(oldest),
    )


def _verdict(number: int) -> Verdict:
    known = VERDICT.known(number)
    if known is None:
        raise InvalidRequestError(f"verdict {number} is not one that this agent knows")
    return known


class ExitLines:
    """The sample lines of the counter, kept from scrape to scrape: those of a container are written
    again only when one of its values changed.
    """

    def __init__(self) -> None:
        self._kept: dict[_Names, tuple[Mapping[Verdict, int], bytes]] = {}

    def lines(self, counts: Counts) -> list[bytes]:
        """One piece for each container. Names that become the same once they are printable are
        added up: no series may stand twice.
        """
        if not all(part.isprintable() for names in counts for part in names):
            counts = _merged(counts)
        before, self._kept = self._kept, {}
        for names, of_one in counts.items():
            kept = before.get(names)
            if kept is None or kept[0] is not of_one:
                kept = of_one, _lines(names, of_one)
            self._kept[names] = kept
        return [written for _, written in self._kept.values()]


def _merged(counts: Counts) -> Counts:
    sums: dict[_Names, dict[Verdict, int]] = {}
    for (namespace, pod, container), of_one in counts.items():
        shown = sums.setdefault((visible(namespace), visible(pod), visible(container)), {})
        for verdict, count in of_one.items():
            shown[verdict] = shown.get(verdict, 0) + count
    return sums


def _lines(names: _Names, counts: Mapping[Verdict, int]) -> bytes:
    namespace, pod, container = map(escape_label, names)
    who = f'namespace="{namespace}",pod="{pod}",container="{container}"'
    return "".join(
        f'{EXITS.name}_total{{{who},verdict="{verdict.value}"}} {count}\n'
        for verdict, count in counts.items()
    ).encode()
