"""Deaths of containers: the answer to ListExits, and their series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

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

    def pieces(self, counts: Counts) -> Iterator[bytes]:
        """One for each container, written when it is asked for: others may run in between, and
        change the counts. Names that become the same once they are printable are added up: no
        series may stand twice.
        """
        before, written = self._kept, {}
        for names, together in _shown(counts).items():
            of_one = together[0] if len(together) == 1 else _sum(together)
            kept = before.get(names)
            if kept is None or kept[0] is not of_one:
                kept = of_one, _lines(names, of_one)
            written[names] = kept
            yield kept[1]
        self._kept = written


def _shown(counts: Counts) -> dict[_Names, list[Mapping[Verdict, int]]]:
    """By names as they are shown. No value is ever changed."""
    found: dict[_Names, list[Mapping[Verdict, int]]] = {}
    for names, of_one in counts.items():
        if not all(map(str.isprintable, names)):
            namespace, pod, container = map(visible, names)
            names = namespace, pod, container
        found.setdefault(names, []).append(of_one)
    return found


def _sum(together: Iterable[Mapping[Verdict, int]]) -> Mapping[Verdict, int]:
    total: dict[Verdict, int] = {}
    for of_one in together:
        for verdict, count in of_one.items():
            total[verdict] = total.get(verdict, 0) + count
    return total


def _lines(names: _Names, counts: Mapping[Verdict, int]) -> bytes:
    namespace, pod, container = map(escape_label, names)
    who = f'namespace="{namespace}",pod="{pod}",container="{container}"'
    return "".join(
        f'{EXITS.name}_total{{{who},verdict="{verdict.value}"}} {count}\n'
        for verdict, count in counts.items()
    ).encode()
