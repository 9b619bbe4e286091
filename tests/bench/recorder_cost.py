"""What the recorder costs on the machine itself: CPU of the agent, and of the forks it records.

    python -m tests.bench.recorder_cost [--rates 1000,5000] [--seconds 10] [--rounds 3]

As root. For each rate and each mode it starts an agent with a state directory of its own, makes
trivial processes at that rate (tests/lab/guest/forks.c) and takes the CPU that both have used. The
modes take turns, round by round, so that what else the machine does falls on all of them. The agent
leaves nothing: its trace instances go with `nodewitness uninstall`.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

HERE = Path(__file__).parent
FORKS = HERE.parent / "lab" / "guest" / "forks.c"
START_SECONDS = 60.0
SERVING = b"\x08\x01"

MODES: dict[str, Mapping[str, str] | None] = {
    "no agent": None,
    "no trace": {"sources.trace": "false"},
    "no recorder": {"sources.recorder": "off"},
    "recorder": {"sources.recorder": "on"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One run of the forks."""

    forks_per_second: float
    cpu_us_per_fork: float
    """Of the forks themselves, user and system."""
    agent_share: float
    """CPU of the agent, as a share of one core."""


@contextmanager
def agent(settings: Mapping[str, str], directory: Path) -> Iterator[int]:
    """An agent that has nothing to do with another one of this machine; its pid."""
    socket = directory / "agent.sock"
    wanted = {
        "state.directory": str(directory / "state"),
        "serve.socket": str(socket),
        "serve.metrics_address": "",
        **settings,
    }
    words = [word for key, value in wanted.items() for word in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "agent.main"]
    process = subprocess.Popen([*command, "run", *words], stdout=subprocess.DEVNULL)
    try:
        with grpc.insecure_channel(f"unix:{socket}") as channel:
            health: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                "/grpc.health.v1.Health/Check"
            )
            if health(b"", timeout=START_SECONDS, wait_for_ready=True) != SERVING:
                raise RuntimeError("the agent does not serve")
        yield process.pid
    finally:
        process.terminate()
        process.wait()
        subprocess.run([*command, "uninstall", *words], stdout=subprocess.DEVNULL, check=True)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(program: Path, rate: int, seconds: float, pid: int | None) -> Cost:
    """Fork at a rate for some seconds."""
    before = 0.0 if pid is None else cpu_seconds(pid)
    with subprocess.Popen(
        [program, str(rate), "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as noise:
        time.sleep(seconds)
        out, _ = noise.communicate()
    spent = 0.0 if pid is None else cpu_seconds(pid) - before
    made, took, cpu = out.split()[1:]
    return Cost(
        forks_per_second=int(made) / float(took),
        cpu_us_per_fork=float(cpu) / int(made) * 1e6,
        agent_share=spent / float(took),
    )


def run(program: Path, rate: int, seconds: float, mode: str) -> Cost:
    """One mode, with an agent of its own if it has one."""
    settings = MODES[mode]
    if settings is None:
        return measure(program, rate, seconds, None)
    with (
        tempfile.TemporaryDirectory(prefix="nodewitness-bench-") as directory,
        agent(settings, Path(directory)) as pid,
    ):
        return measure(program, rate, seconds, pid)


def main() -> None:
    """Print a line for each rate and mode: medians over the rounds."""
    parser = argparse.ArgumentParser(description="The recorder's cost on this machine, as root.")
    parser.add_argument("--rates", default="1000,5000", help="forks a second, with commas")
    parser.add_argument("--seconds", type=float, default=10.0, help="of forks in each run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each mode")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nodewitness-bench-") as directory:
        program = Path(directory) / "forks"
        subprocess.run(["gcc", "-static", "-O2", "-o", program, FORKS], check=True)
        print("FORKS/S  MODE             MADE/S  US/FORK  RATIO  AGENT")
        for rate in map(int, arguments.rates.split(",")):
            found: dict[str, list[Cost]] = {mode: [] for mode in MODES}
            for _ in range(arguments.rounds):
                for mode, costs in found.items():
                    costs.append(run(program, rate, arguments.seconds, mode))
            least = statistics.median(cost.cpu_us_per_fork for cost in found["no agent"])
            for mode, costs in found.items():
                each = statistics.median(cost.cpu_us_per_fork for cost in costs)
                made = statistics.median(cost.forks_per_second for cost in costs)
                share = statistics.median(cost.agent_share for cost in costs)
                print(
                    f"{rate:>7}  {mode:<15}  {made:>6.0f}  {each:>7.1f}  {each / least:>5.2f}"
                    f"  {share:>5.1%}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
