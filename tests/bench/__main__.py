"""make bench: what the sweep and a scrape cost, beside the least that it could.

    python -m tests.bench [--containers 250] [--rounds 21]

In the lab's guest, and so under software emulation: read the ratios, which are of one run. Prints a
table and writes build/bench.json.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.lab.agent_process import AgentProcess, load_code
from tests.lab.build import build
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.machine import Machine

HERE = Path(__file__).parent
RESULT = HERE.parents[1] / "build" / "bench.json"
READER = "/run/lab/sweep"
SETTINGS = {"sources.cri": "false", "sources.bundles": "/run/lab/bundles"}
SCRAPES = 10
MIB = 1 << 20
SECONDS = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--containers", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=21)
    arguments = parser.parse_args()
    with Machine(build(_say)) as machine:
        guest = Guest(machine.start())
        _say("booted; the sweep against C ...")
        result = in_guest(guest, arguments.containers, arguments.rounds)
        _say("the whole agent ...")
        result |= whole_agent(guest, arguments.containers)
    result["containers"] = arguments.containers
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(table(result))


def in_guest(guest: Guest, containers: int, rounds: int) -> dict[str, float]:
    """tests.bench.inside, with the C program beside it."""
    guest.run(f"cat > {READER} && chmod +x {READER}", stdin=_compiled())
    load_code(guest)
    done = guest.run(
        "PYTHONPATH=/run/lab/code:/opt/nodewitness exec python3 -m tests.bench.inside"
        f" {containers} {rounds}",
        seconds=SECONDS,
        cgroup="system.slice/bench.service",
    )
    found: dict[str, float] = json.loads(done.out.splitlines()[-1])
    return found


def whole_agent(guest: Guest, containers: int) -> dict[str, float]:
    """Its memory, and what scrapes take, while it sweeps."""
    agent = AgentProcess(guest)
    try:
        agent.start(SETTINGS)
        _wait_for_series(agent, containers)
        return _scrapes(agent)
    finally:
        agent.close()


def _wait_for_series(agent: AgentProcess, containers: int) -> None:
    until(
        lambda: _series(agent.metrics(), "memory_anon_bytes") >= containers,
        SECONDS,
        "every container has its series",
        every=1.0,
    )


def _scrapes(agent: AgentProcess) -> dict[str, float]:
    times, text = [], ""
    for _ in range(SCRAPES):
        text = agent.metrics()
        times.append(_value(text, "scrape_duration_seconds") * 1e3)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {
        "scrape_ms": statistics.median(times),
        "scrape_series": len(lines),
        "resident_bytes": _value(text, "process_resident_memory_bytes"),
        "open_fds": _value(text, "process_open_fds"),
    }


def _series(text: str, name: str) -> int:
    return len(re.findall(rf"^nodewitness_container_{name}{{", text, re.MULTILINE))


def _value(text: str, name: str) -> float:
    found = re.search(rf"^nodewitness_{name} (\S+)$", text, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def table(result: Mapping[str, float]) -> str:
    """For people, and for the README."""
    get = result.__getitem__
    per_file = get("kept_c_ms") * 1e3 / get("kept_files")
    sweep_c = get("sweep_c_ms")
    rows = [
        ("WHAT", "C", "NODEWITNESS", "RATIO"),
        (
            f"read {get('kept_files'):.0f} kept files",
            f"{get('kept_c_ms'):.1f} ms",
            f"{get('kept_python_ms'):.1f} ms",
            f"{get('reading_ratio'):.2f}",
        ),
        (
            f"a sweep of {get('cgroups'):.0f} cgroups, every file changed",
            f"{sweep_c:.1f} ms",
            f"{get('sweep_python_ms'):.1f} ms",
            f"{get('sweep_ratio'):.2f}",
        ),
        (
            "the same, nothing changed",
            f"{sweep_c:.1f} ms",
            f"{get('sweep_python_unchanged_ms'):.1f} ms",
            f"{get('sweep_unchanged_ratio'):.2f}",
        ),
        (
            f"a scrape of {get('scrape_series'):.0f} series, in sweeps of C",
            "",
            f"{get('scrape_ms') / sweep_c:.1f}",
            "",
        ),
        ("resident memory", "", f"{get('resident_bytes') / MIB:.0f} MiB", ""),
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    lines = [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    note = f"{get('containers'):.0f} containers; C reads a kept file in {per_file:.1f} us here"
    return "\n".join([*lines, "", note])


def _compiled() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "sweep"
        subprocess.run(["gcc", "-O2", "-static", "-o", program, HERE / "sweep.c"], check=True)
        return program.read_bytes()


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.umask(0o022)
    main()
