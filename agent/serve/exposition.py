"""Prometheus text 0.0.4 and OpenMetrics 1.0, written by hand for the series that are many.

    # HELP nodewitness_oom_kills_total Processes that the kernel's OOM killer killed, ...
    # TYPE nodewitness_oom_kills_total counter
    nodewitness_oom_kills_total{namespace="shop",pod="web-0",container="app",outcome="survived"} 1

The sample lines are the same in both formats; OpenMetrics leaves `_total` out of HELP and TYPE,
escapes quotes in HELP and ends with `# EOF`. prometheus_client renders the few series about the
agent itself (agent.serve.registry); for the series of each container it costs many times more, so
those are kept as finished lines and written again only when their values change.

https://prometheus.io/docs/instrumenting/exposition_formats/
https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

from __future__ import annotations

import zlib
from asyncio import sleep
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client import exposition as text_exposition
from prometheus_client.openmetrics import exposition as openmetrics_exposition

from agent.model.oom import Outcome
from agent.model.status import ContainerKills
from agent.serve.negotiate import Format

EOF = b"# EOF\n"
OUTCOMES = (Outcome.SURVIVED, Outcome.DIED, Outcome.UNKNOWN)
_OUTCOMES = tuple((outcome, f'{outcome.value}"}}') for outcome in OUTCOMES)

_GZIP = 16 + zlib.MAX_WBITS
_BLOCK_BYTES = 64 * 1024

_Names = tuple[str, str, str]  # namespace, pod, container
_Kept = tuple[dict[Outcome, int], str, bytes]  # values, labels, lines


class Counter(Struct, frozen=True, kw_only=True):
    """The head of a counter family; `name` without "_total"."""

    name: str
    help: str

    def head(self, form: Format) -> bytes:
        """HELP and TYPE, as the format wants them."""
        name, text = self.name, self.help.replace("\\", r"\\").replace("\n", r"\n")
        match form:
            case Format.TEXT:
                name += "_total"
            case Format.OPENMETRICS:
                text = text.replace('"', r"\"")
        return f"# HELP {name} {text}\n# TYPE {name} counter\n".encode()


def visible(value: str) -> str:
    r"""`value` with what is not printable written as \xNN, \uNNNN or \UNNNNNNNN; valid UTF-8.

    A byte that was not UTF-8 (a lone surrogate of "surrogateescape") is shown as that byte, \xNN.
    Two values can become the same text: who writes series adds those up.
    """
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else _escaped(ord(c)) for c in value)


def escape_label(value: str) -> str:
    """A label's value as it stands between the quotes, the same in both formats."""
    return visible(value).replace("\\", r"\\").replace('"', r"\"")


def _escaped(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


class ContainerLines:
    """The sample lines of a counter per container and outcome, kept from scrape to scrape.

    A container's labels are written once, its lines again only when one of its values changed.
    """

    def __init__(self, family: Counter) -> None:
        self._name = f"{family.name}_total"
        self._kept: dict[_Names, _Kept] = {}

    def lines(self, containers: Sequence[ContainerKills]) -> list[bytes]:
        """One piece of lines for each container; who is not among them any more is forgotten."""
        before, kept = self._kept, {}
        for each in containers:
            names = (each.namespace, each.pod, each.container)
            entry = before.get(names)
            if entry is None:
                if not _plain(names):
                    return self._merged(containers)
                entry = _entry(self._labels(names), each.kills)
            elif entry[0] != each.kills:
                entry = _entry(entry[1], each.kills)
            kept[names] = entry
        if len(kept) != len(containers):
            return self._merged(containers)
        self._kept = kept
        return [entry[2] for entry in kept.values()]

    def _merged(self, containers: Iterable[ContainerKills]) -> list[bytes]:
        """Slow, for hostile names: no series may stand twice, so equal ones are added up."""
        sums: dict[_Names, dict[Outcome, int]] = {}
        for each in containers:
            names = (visible(each.namespace), visible(each.pod), visible(each.container))
            kills = sums.setdefault(names, dict.fromkeys(OUTCOMES, 0))
            for outcome in OUTCOMES:
                kills[outcome] += each.kills.get(outcome, 0)
        self._kept = {}
        return [_entry(self._labels(names), kills)[2] for names, kills in sums.items()]

    def _labels(self, names: _Names) -> str:
        namespace, pod, container = map(escape_label, names)
        who = f'namespace="{namespace}",pod="{pod}",container="{container}"'
        return f'{self._name}{{{who},outcome="'


def _entry(labels: str, kills: dict[Outcome, int]) -> _Kept:
    lines = "".join([f"{labels}{tail} {kills.get(outcome, 0)}\n" for outcome, tail in _OUTCOMES])
    return dict(kills), labels, lines.encode()


def _plain(names: _Names) -> bool:
    return names[0].isprintable() and names[1].isprintable() and names[2].isprintable()


def registry_text(registry: CollectorRegistry, form: Format) -> bytes:
    """What prometheus_client writes for `registry`, without the closing `# EOF`."""
    match form:
        case Format.TEXT:
            return text_exposition.generate_latest(registry)
        case Format.OPENMETRICS:
            text: bytes = openmetrics_exposition.generate_latest(registry)  # type: ignore[no-untyped-call]
            return text.removesuffix(EOF)


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of at least 64 KiB, but for the last."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _BLOCK_BYTES:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield b"".join(waiting)


async def gathered(pieces: Iterable[bytes]) -> list[bytes]:
    """The same in blocks of at least 64 KiB; the event loop runs after each."""
    found = []
    for block in blocks(pieces):
        found.append(block)
        await sleep(0)
    return found


async def gzipped(pieces: Iterable[bytes]) -> list[bytes]:
    """gzip, level 1: a seventh of the time of level 9 for a fifth more bytes.

    Lets the event loop run after each block of 64 KiB.
    """
    packer = zlib.compressobj(1, wbits=_GZIP)
    packed = []
    for block in blocks(pieces):
        packed.append(packer.compress(block))
        await sleep(0)
    packed.append(packer.flush())
    return packed
