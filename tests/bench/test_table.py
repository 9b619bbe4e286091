"""The shape of what `make bench` tells, and what it does without Go."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.bench import __main__ as command
from tests.bench import peer
from tests.bench.table import CAPTION, Bench, Figures, markdown, table

MIB = float(1 << 20)
FIGURES: Figures = {
    "cgroups": 378,
    "kept_files": 1512,
    "kept_c_ms": 100.0,
    "kept_python_ms": 130.0,
    "sweep_c_ms": 150.0,
    "sweep_python_ms": 450.0,
    "sweep_python_unchanged_ms": 300.0,
    "sweep_python_full_ms": 900.0,
    "reading_ratio": 1.3,
    "sweep_ratio": 3.0,
    "sweep_unchanged_ratio": 2.0,
    "cpu_share": 0.1,
    "cpu_share_without_sweeps": 0.05,
    "cpu_ms_per_sweep": 600.0,
    "sweeps_per_second": 0.25,
    "resident_bytes": 64 * MIB,
    "resident_anonymous_bytes": 40 * MIB,
    "resident_peak_bytes": 70 * MIB,
    "open_fds": 2000,
    "network_dumps_ms": 200.0,
    "network_ms": 400.0,
    "network_ratio": 2.0,
    "look_dumps_ms": 250.0,
    "look_ms": 750.0,
    "look_ratio": 3.0,
    "scrape_series": 4500,
    "scrape_cpu_ms": 200.0,
}
LARGE: Figures = {
    **FIGURES,
    "scrape_series": 18_200,
    "peer_series": 18_000,
    "scrape_cpu_ms": 800.0,
    "peer_scrape_cpu_ms": 5000.0,
    "scrape_ratio": 0.16,
    "peer_peak_bytes": 46 * MIB,
}
SCRAPE: Figures = {
    "series": 14919,
    "peer_series": 14400,
    "cpu_ms": 21.0,
    "peer_cpu_ms": 105.0,
    "ratio": 0.2,
}
TABLE = """\
WHAT                                         250 CONTAINERS  1000 CONTAINERS  TARGET
read the kept files: C                             100.0 ms         100.0 ms
  nodewitness                                      130.0 ms         130.0 ms
  ratio                                                1.30             1.30     1.3
a sweep's files: C                                 150.0 ms         150.0 ms
  read, parsed, derived, every file changed        450.0 ms         450.0 ms
  ratio                                                3.00             3.00       3
  the same, nothing changed                        300.0 ms         300.0 ms
  ratio                                                2.00             2.00
  all of them in full                              900.0 ms         900.0 ms
100 pods' networks: the dumps alone                200.0 ms         200.0 ms
  read and parsed                                  400.0 ms         400.0 ms
  ratio                                                2.00             2.00
a whole look's dumps, the host's, NAT's too        250.0 ms         250.0 ms
  the whole look, judged                           750.0 ms         750.0 ms
  ratio                                                3.00             3.00
the agent at rest without sweeps, of a core           5.0 %            5.0 %
  what else follows each sweep                     100.0 ms         100.0 ms
  at one sweep a second: C                           15.0 %           15.0 %
  nodewitness                                        60.0 %           60.0 %   2.0 %
  ratio                                                4.00             4.00
a scrape's series                                     4,500           18,200
  CPU                                              200.0 ms         800.0 ms
  CPU of the peer                                                  5000.0 ms
  ratio                                                                 0.16    0.20
resident memory                                      64 MiB           64 MiB  64 MiB
  not mapped from files                              40 MiB           40 MiB
  at the peak of a scrape                            70 MiB           70 MiB  80 MiB
  the peer's peak                                                     46 MiB
descriptors                                           2,000            2,000

14,919 series scraped from the machine itself: 21.0 ms of CPU, the peer 105.0 ms: 0.20 (target 0.20)

the agent runs without CRI (`sources.cri` is off, bundles give the names)
the peer of a scrape: client_golang v1.2.3, go1.23
C is a program that reads the same files; emulated: only the ratios of one run mean much"""


MARKDOWN = """\
| | 250 containers | 1,000 containers | target |
| --- | --- | --- | --- |
| reading the kept files, nodewitness / C | 1.30 | 1.30 | 1.3 |
| a sweep, read, parsed and derived, every file changed, nodewitness / C | 3.00 | 3.00 | 3 |
| the same, nothing changed | 2.00 | 2.00 | |
| a whole look at the networks of 100 pods, nodewitness / bare netlink | 3.00 | 3.00 | |
| CPU at one sweep a second, of a core, emulated | 60.0 % | 60.0 % | 2 % |
| the same, nodewitness / C | 4.00 | 4.00 | |
| CPU of a scrape, nodewitness / client_golang | - | 0.16 (18,200 series) | 0.20 at 15,000 series |
| resident memory; at the peak of a scrape | 64; 70 MiB | 64; 70 MiB | 64; 80 MiB |
| descriptors | 2,000 | 2,000 | |"""
USAGE = Path(__file__).parents[2] / "docs" / "usage.md"


def bench(words: str, large: Figures) -> Bench:
    return {"peer": words, "containers": {"1000": large, "250": FIGURES}, "scrape": SCRAPE}


def test_the_table() -> None:
    found = bench("client_golang v1.2.3, go1.23", LARGE)
    assert table(found) == TABLE
    assert table(json.loads(json.dumps(found))) == TABLE


def test_the_table_of_the_docs() -> None:
    """Its figures are of some run; its rows and its targets are those of today, and it says how the
    agent ran.
    """
    assert markdown(bench("", LARGE)) == MARKDOWN
    docs = USAGE.read_text()
    assert CAPTION in " ".join(docs.split())
    shown = [tuple(line.split("|")) for line in docs.splitlines() if line.startswith("| ")]
    for line in MARKDOWN.splitlines()[2:]:
        row = line.split("|")
        assert any((each[1], each[-2]) == (row[1], row[-2]) for each in shown), line


def test_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the last run, without another."""
    result = tmp_path / "bench.json"
    result.write_text(json.dumps(bench("", LARGE)))
    monkeypatch.setattr(command, "RESULT", result)
    monkeypatch.setattr(sys, "argv", ["bench", "--show"])
    command.main()
    assert capsys.readouterr().out == MARKDOWN + "\n"


def test_without_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on, says so, and has no rows of a peer."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    none = peer.built()
    assert none.program == b""
    said = table(bench(none.words, FIGURES))
    assert "none: there is no Go here" in said
    assert "CPU of the peer" not in said


def test_the_peer_is_pinned() -> None:
    """What a ratio is to, is in it."""
    assert peer.client_golang().startswith("v1.")
