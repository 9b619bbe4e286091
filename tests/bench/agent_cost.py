"""In the guest: what the running agent costs at rest, at a scrape, and beside the peer.

    python3 -m tests.bench.agent_cost PID CONTAINERS [PEER]
    python3 -m tests.bench.agent_cost PID

Waits until every container has its series. Prints one line of JSON. CPU is the process's own, user
and system. Of an agent that does not sweep, with the pid alone, its share of a core is told. With
the peer (tests/bench/exporter) it serves the same series of containers, and both
are scraped in turn as Prometheus does it, with gzip.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

AGENT = "http://127.0.0.1:9754/metrics"
PEER_ADDRESS = "127.0.0.1:9798"
PEER = f"http://{PEER_ADDRESS}/metrics"
WAIT_SECONDS = 300.0
WINDOWS, WINDOW_SECONDS = 3, 15.0
ROUNDS, SCRAPES = 5, 2
SETTLED = 0.9
TICKS = os.sysconf("SC_CLK_TCK")
ROOT = Path("/sys/fs/cgroup")
SERIES = re.compile(r"^(?:# (?:HELP|TYPE) )?nodewitness_container_")


def cpu_ms(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1e3 / TICKS


def memory(pid: int) -> dict[str, int]:
    """The sizes of /proc/PID/status, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text()
    found = re.findall(r"^(\w+):\s+(\d+) kB$", lines, re.MULTILINE)
    return {name: int(kb) * 1024 for name, kb in found}


def scrape(url: str, encoding: str = "gzip") -> bytes:
    """As Prometheus asks, for the text format."""
    headers = {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": encoding}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        body: bytes = answer.read()
        return body


def text() -> str:
    return scrape(AGENT, "identity").decode()


def wait_for_series(containers: int) -> None:
    """Every container has been read."""
    ends = time.monotonic() + WAIT_SECONDS
    while text().count("\nnodewitness_container_memory_anon_bytes{") < containers:
        if time.monotonic() > ends:
            raise SystemExit(f"not every container has its series after {WAIT_SECONDS:.0f} s")
        time.sleep(3.0)


def records() -> int:
    """Cgroups that were swept so far."""
    row = r'^nodewitness_source_records_total{source="usage"} (\S+)$'
    found = re.search(row, text(), re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def cgroups() -> int:
    """How many there are in one sweep."""
    below = sum(len(directories) for _, directories, _ in os.walk(ROOT / "kubepods"))
    return 2 + below + len(list(ROOT.glob("system.slice/*.service")))


def share_of_a_core(pid: int) -> float:
    """In one window."""
    cpu, begun = cpu_ms(pid), time.monotonic()
    time.sleep(WINDOW_SECONDS)
    return (cpu_ms(pid) - cpu) / 1e3 / (time.monotonic() - begun)


def settled_share(pid: int) -> float:
    """The median of some windows, once what a start brings is over: from then it falls no more."""
    ends = time.monotonic() + WAIT_SECONDS
    shares = [share_of_a_core(pid)]
    while True:
        shares.append(share_of_a_core(pid))
        latest = shares[-WINDOWS:]
        if len(latest) == WINDOWS and latest[-1] > SETTLED * latest[0]:
            return statistics.median(latest)
        if time.monotonic() > ends:
            raise SystemExit(f"the agent is not at rest after {WAIT_SECONDS:.0f} s: {shares}")


def at_rest(pid: int) -> dict[str, float]:
    """Its share of a core, at that pace of sweeps."""
    shares, paces = [], []
    for _ in range(WINDOWS):
        before, begun = records(), time.monotonic()
        shares.append(share_of_a_core(pid))
        paces.append((records() - before) / cgroups() / (time.monotonic() - begun))
    return {
        "cpu_share": statistics.median(shares),
        "sweeps_per_second": statistics.mean(paces),
    }


def resident(pid: int) -> dict[str, float]:
    """Now, and at the peak of some scrapes."""
    found = memory(pid)
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is what it is now
    for _ in range(SCRAPES):
        scrape(AGENT)
        scrape(AGENT, "identity")
    return {
        "resident_bytes": found["VmRSS"],
        "resident_anonymous_bytes": found["RssAnon"],
        "resident_peak_bytes": memory(pid)["VmHWM"],
        "open_fds": len(os.listdir(f"/proc/{pid}/fd")),
    }


@contextmanager
def serving(peer: str, lines: list[str]) -> Iterator[tuple[int, int]]:
    """The peer with these series and their heads: (its pid, how many)."""
    with subprocess.Popen(
        [peer, PEER_ADDRESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n".join(lines) + "\n")
        process.stdin.close()
        try:
            series = int(process.stdout.readline())
            _until_it_serves()
            yield process.pid, series
        finally:
            process.kill()


def _until_it_serves() -> None:
    ends = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            scrape(PEER)
            return
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)


def scrapes_ms(pid: int, url: str, share: float) -> float:
    """CPU of one scrape, less the share of a core that the process takes in any case of the time
    that the scrape leaves it: one that holds the event loop keeps sweeps away.
    """
    cpu, begun = cpu_ms(pid), time.monotonic()
    for _ in range(SCRAPES):
        scrape(url)
    cpu, took = cpu_ms(pid) - cpu, time.monotonic() - begun
    return max(0.0, cpu - share * took * 1e3) / (1 - share) / SCRAPES


def beside_the_peer(pid: int, share: float, peer: str) -> dict[str, float]:
    """Round by round, one after the other."""
    ours, theirs = [], []
    lines = [line for line in text().splitlines() if SERIES.match(line)]
    with serving(peer, lines) as (peer_pid, series):
        for _ in range(ROUNDS):
            theirs.append(scrapes_ms(peer_pid, PEER, 0.0))
            ours.append(scrapes_ms(pid, AGENT, share))
        peak = memory(peer_pid)["VmHWM"]
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "peer_series": series,
        "peer_scrape_cpu_ms": statistics.median(theirs),
        "scrape_cpu_ms": statistics.median(ours),
        "scrape_ratio": statistics.median(ratios),
        "peer_peak_bytes": peak,
    }


def main() -> None:
    pid = int(sys.argv[1])
    if len(sys.argv) == 2:
        print(json.dumps({"cpu_share_without_sweeps": settled_share(pid)}))
        return
    wait_for_series(int(sys.argv[2]))
    found = at_rest(pid) | resident(pid)
    found["scrape_series"] = len(re.findall(r"^[^#\n]", text(), re.MULTILINE))
    share = found["cpu_share"]
    if len(sys.argv) > 3:
        found |= beside_the_peer(pid, share, sys.argv[3])
    else:
        found["scrape_cpu_ms"] = statistics.median(
            scrapes_ms(pid, AGENT, share) for _ in range(ROUNDS)
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
