"""What `make bench` has found: the table of it for people, and the one of docs/usage.md."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypedDict

from agent.observe.sweep import FULL_SECONDS

MIB = 1 << 20

Figures = dict[str, float]
"""By name, of one number of containers; medians. What was not measured is not in it."""


class Bench(TypedDict):
    """build/bench.json."""

    peer: str  # what the peer of a scrape is made of, or why there is none
    containers: Mapping[str, Figures]  # by how many
    scrape: Figures  # tests.bench.scrape


Row = tuple[str, ...]
Cell = Callable[[Figures], str]

CAPTION = "without CRI (`sources.cri` is off, bundles give the names)"
"""How the agent runs meanwhile: the cgroups are the bench's own, and no runtime knows them."""


def table(bench: Bench) -> str:
    """A column for each number of containers, and the target that was set."""
    sizes = sorted(bench["containers"], key=int)
    columns = [bench["containers"][size] for size in sizes]
    head = ("WHAT", *(f"{size} CONTAINERS" for size in sizes), "TARGET")
    rows = [head, *_rows(columns)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    notes = [
        f"the agent runs {CAPTION}",
        f"the peer of a scrape: {bench['peer']}",
        "C is a program that reads the same files; emulated: only the ratios of one run mean much",
    ]
    return "\n".join([*lines, "", scrape_line(bench["scrape"]), "", *notes])


def scrape_line(figures: Figures) -> str:
    """The one figure that is not emulated."""
    said = f"{figures['series']:,.0f} series scraped from the machine itself: "
    said += f"{figures['cpu_ms']:.1f} ms of CPU"
    if "ratio" in figures:
        said += f", the peer {figures['peer_cpu_ms']:.1f} ms: {figures['ratio']:.2f} (target 0.20)"
    return said


def markdown(bench: Bench) -> str:
    """What has a target, or is needed to understand one: the table of docs/usage.md."""
    sizes = sorted(bench["containers"], key=int)
    head = ("", *(f"{int(size):,} containers" for size in sizes), "target")
    rows = [head, ("---",) * len(head)]
    for words, told, target in SHOWN:
        cells = (_or_nothing(told, bench["containers"][size]) or "-" for size in sizes)
        rows.append((words, *cells, target))
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)


def _rows(columns: list[Figures]) -> Iterator[Row]:
    for words, told, target in (
        ("read the kept files: C", _ms("kept_c_ms"), ""),
        ("  nodewitness", _ms("kept_python_ms"), ""),
        ("  ratio", _ratio("reading_ratio"), "1.3"),
        ("a sweep's files: C", _ms("sweep_c_ms"), ""),
        ("  read, parsed, derived, every file changed", _ms("sweep_python_ms"), ""),
        ("  ratio", _ratio("sweep_ratio"), "3"),
        ("  the same, nothing changed", _ms("sweep_python_unchanged_ms"), ""),
        ("  ratio", _ratio("sweep_unchanged_ratio"), ""),
        ("  all of them in full", _ms("sweep_python_full_ms"), ""),
        ("100 pods' networks: the dumps alone", _ms("network_dumps_ms"), ""),
        ("  read and parsed", _ms("network_ms"), ""),
        ("  ratio", _ratio("network_ratio"), ""),
        ("a whole look's dumps, the host's, NAT's too", _ms("look_dumps_ms"), ""),
        ("  the whole look, judged", _ms("look_ms"), ""),
        ("  ratio", _ratio("look_ratio"), ""),
        ("the agent at rest without sweeps, of a core", _percent("cpu_share_without_sweeps"), ""),
        ("  what else follows each sweep", _some_ms(_beside_a_sweep_ms), ""),
        ("  at one sweep a second: C", _c_share, ""),
        ("  nodewitness", _share, "2.0 %"),
        ("  ratio", _share_ratio, ""),
        ("a scrape's series", _count("scrape_series"), ""),
        ("  CPU", _ms("scrape_cpu_ms"), ""),
        ("  CPU of the peer", _ms("peer_scrape_cpu_ms"), ""),
        ("  ratio", _ratio("scrape_ratio"), "0.20"),
        ("resident memory", _mib("resident_bytes"), "64 MiB"),
        ("  not mapped from files", _mib("resident_anonymous_bytes"), ""),
        ("  at the peak of a scrape", _mib("resident_peak_bytes"), "80 MiB"),
        ("  the peer's peak", _mib("peer_peak_bytes"), ""),
        ("descriptors", _count("open_fds"), ""),
    ):
        cells = [_or_nothing(told, figures) for figures in columns]
        if any(cells):
            yield (words, *cells, target)


def _or_nothing(told: Cell, figures: Figures) -> str:
    try:
        return told(figures)
    except KeyError:
        return ""


def _ms(name: str) -> Cell:
    return lambda figures: f"{figures[name]:.1f} ms"


def _some_ms(value: Callable[[Figures], float]) -> Cell:
    return lambda figures: f"{value(figures):.1f} ms"


def _ratio(name: str) -> Cell:
    return lambda figures: f"{figures[name]:.2f}"


def _count(name: str) -> Cell:
    return lambda figures: f"{figures[name]:,.0f}"


def _mib(name: str) -> Cell:
    return lambda figures: f"{figures[name] / MIB:.0f} MiB"


def _percent(name: str) -> Cell:
    return lambda figures: f"{figures[name]:.1%}".replace("%", " %")


def _c_share(figures: Figures) -> str:
    return f"{figures['sweep_c_ms'] / 10:.1f} %"


def _share(figures: Figures) -> str:
    return f"{_of_a_core(figures):.1%}".replace("%", " %")


def _share_ratio(figures: Figures) -> str:
    return f"{_of_a_core(figures) * 1e3 / figures['sweep_c_ms']:.2f}"


def _beside_a_sweep_ms(figures: Figures) -> float:
    """What else the agent does for each sweep: detectors, conditions, who ate the memory. Where a
    sweep costs more than a tenth of a core they come less often, and read more in full each.
    """
    for_a_sweep_ms = figures["cpu_ms_per_sweep"]
    unchanged, full = figures["sweep_python_unchanged_ms"], figures["sweep_python_full_ms"]
    in_full = min(1.0, 1 / figures["sweeps_per_second"] / FULL_SECONDS)
    tenth = 1 / FULL_SECONDS
    sweep_ms = unchanged + (full - unchanged) * (in_full - tenth) / (1 - tenth)
    return max(0.0, for_a_sweep_ms - sweep_ms)


def _of_a_core(figures: Figures) -> float:
    """At one sweep in each second, and if every file changed from one to the next."""
    for_sweeps_ms = figures["sweep_python_ms"]
    if "cpu_ms_per_sweep" in figures:  # else none was done in the time, for they cost too much
        for_sweeps_ms += _beside_a_sweep_ms(figures)
    return figures["cpu_share_without_sweeps"] + for_sweeps_ms / 1e3


def _scrape(figures: Figures) -> str:
    return f"{figures['scrape_ratio']:.2f} ({figures['scrape_series']:,.0f} series)"


def _memory(figures: Figures) -> str:
    resident, peak = figures["resident_bytes"] / MIB, figures["resident_peak_bytes"] / MIB
    return f"{resident:.0f}; {peak:.0f} MiB"


SHOWN: tuple[tuple[str, Cell, str], ...] = (
    ("reading the kept files, nodewitness / C", _ratio("reading_ratio"), "1.3"),
    (
        "a sweep, read, parsed and derived, every file changed, nodewitness / C",
        _ratio("sweep_ratio"),
        "3",
    ),
    ("the same, nothing changed", _ratio("sweep_unchanged_ratio"), ""),
    (
        "a whole look at the networks of 100 pods, nodewitness / bare netlink",
        _ratio("look_ratio"),
        "",
    ),
    ("CPU at one sweep a second, of a core, emulated", _share, "2 %"),
    ("the same, nodewitness / C", _share_ratio, ""),
    ("CPU of a scrape, nodewitness / client_golang", _scrape, "0.20 at 15,000 series"),
    ("resident memory; at the peak of a scrape", _memory, "64; 80 MiB"),
    ("descriptors", _count("open_fds"), ""),
)
