"""make bench: what the sweep, the agent and a scrape cost, beside the least that it could.

    python -m tests.bench [--containers 250,640,1000] [--rounds 21]
    python -m tests.bench --networks [--rounds 21]
    python -m tests.bench --show

In the lab's guest, and so under software emulation: read the ratios, which are of one run. Takes
less than half an hour, prints a table and writes build/bench.json. With --networks it measures the
networks of pods alone, in a few minutes, and writes nothing. With --show it runs nothing and prints
the table of docs/usage.md from that file.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import scrape
from tests.bench.peer import Peer, built
from tests.bench.table import Bench, Figures, markdown, scrape_line, table
from tests.lab.agent_process import CGROUP, AgentProcess, load_code
from tests.lab.build import build
from tests.lab.guest import CGROUP_ROOT, Guest
from tests.lab.machine import Machine
from tests.lab.machines import MachineConfig

HERE = Path(__file__).parent
RESULT = HERE.parents[1] / "build" / "bench.json"
READER, PEER = "/run/lab/sweep", "/run/lab/peer"
PYTHON = "PYTHONPATH=/run/lab/code:/opt/nodewitness exec python3 -m"
SETTINGS = {"sources.cri": "false", "sources.bundles": "/run/lab/bundles"}
MACHINE = MachineConfig(memory_mib=3072, parallel=True)  # a thousand processes
FEW, SOME, MANY = 250, 640, 1000
"""SOME have about 15,000 series, for which the target of a scrape is. The rounds are fewer for more
containers: as many cgroups are read in all.
"""
PODS = 100
SECONDS = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--containers", type=_numbers, default=[FEW, SOME, MANY])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--networks", action="store_true")
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    if arguments.show:
        print(markdown(json.loads(RESULT.read_text())))
        return
    if arguments.networks:
        with Machine(build(_say), MACHINE) as machine:
            guest = Guest(machine.start())
            load_code(guest)
            print(json.dumps(networks(guest, arguments.rounds), indent=2))
        return
    _say("building the peer ...")
    peer = built()
    _say(f"peer: {peer.words}")
    _say("a scrape on this machine ...")
    own = scrape.measured(peer.program)
    print(scrape_line(own), flush=True)
    sizes: dict[str, Figures] = {}
    with Machine(build(_say), MACHINE) as machine:
        guest = Guest(machine.start())
        put(guest, peer)
        for containers in sorted(arguments.containers):
            rounds = max(5, min(arguments.rounds, arguments.rounds * FEW // containers))
            _say(f"{containers} containers: the sweep against C ...")
            figures = sweep(guest, containers, rounds)
            if containers == min(arguments.containers):
                figures |= networks(guest, rounds)
            _say(f"{containers} containers: the whole agent ...")
            figures |= whole_agent(guest, containers, peer=bool(peer.program))
            sizes[str(containers)] = figures
            write({"peer": peer.words, "containers": sizes, "scrape": own})


def write(bench: Bench) -> None:
    """What there is so far: a bench that is stopped has told that."""
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(bench, indent=2) + "\n")
    print(table(bench), flush=True)


def put(guest: Guest, peer: Peer) -> None:
    """The programs and the agent's code."""
    for path, program in ((READER, _compiled()), (PEER, peer.program)):
        if program:
            guest.run(f"cat > {path} && chmod +x {path}", stdin=program)
    load_code(guest)


def sweep(guest: Guest, containers: int, rounds: int) -> Figures:
    """tests.bench.inside, with the C program beside it."""
    return _figures(guest, f"tests.bench.inside {containers} {rounds}")


def networks(guest: Guest, rounds: int) -> Figures:
    """tests.bench.network: the networks of a hundred pods."""
    return _figures(guest, f"tests.bench.network {PODS} {rounds}")


def whole_agent(guest: Guest, containers: int, *, peer: bool) -> Figures:
    """tests.bench.agent_cost of an agent as it is started on a node."""
    agent = AgentProcess(guest)
    try:
        agent.start({**SETTINGS, "sweep.interval": "5m"})
        found = _figures(guest, f"tests.bench.agent_cost {_pid(guest)}")
        agent.stop()
        agent.start(SETTINGS)
        more = f"{containers} {PEER if peer else ''}"
        found |= _figures(guest, f"tests.bench.agent_cost {_pid(guest)} {more}")
    finally:
        agent.close()
    if found["sweeps_per_second"]:
        for_sweeps = found["cpu_share"] - found["cpu_share_without_sweeps"]
        found["cpu_ms_per_sweep"] = for_sweeps * 1e3 / found["sweeps_per_second"]
    return found


def _pid(guest: Guest) -> int:
    return int(guest.read(f"{CGROUP_ROOT}/{CGROUP}/cgroup.procs").split()[0])


def _figures(guest: Guest, module: str) -> Figures:
    done = guest.run(f"{PYTHON} {module}", seconds=SECONDS, cgroup="system.slice/bench.service")
    found: Figures = json.loads(done.out.splitlines()[-1])
    return found


def _compiled() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "sweep"
        subprocess.run(["gcc", "-O2", "-static", "-o", program, HERE / "sweep.c"], check=True)
        return program.read_bytes()


def _numbers(words: str) -> list[int]:
    return [int(word) for word in words.split(",")]


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.umask(0o022)
    main()
