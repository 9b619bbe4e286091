"""What it costs and how long it takes, beside the least that it could: printed, never judged.

Under software emulation only the ratios of one run mean something; tests/bench has the same cost
on the machine itself.
"""

import statistics
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.lab.agent_process import CODE, AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.scenarios.storm import Storm, forks
from tests.lab.wire import Process

SCRIPT = "/opt/nodewitness/tests/lab/raw_path.py"
TRACING = "/run/lab/tracing"
RAW_SOCKET = "/run/lab/raw.sock"
KILLS = 100
GAP_MS = 150
NOISE_SECONDS = 10


@contextmanager
def raw_path(guest: Guest) -> Iterator[tuple[Process, Process]]:
    """The bare reader with its subscriber, and a subscriber of the agent; both have subscribed."""
    guest.run(f"mkdir -p {TRACING} && mount -t tracefs tracefs {TRACING}")
    python = ["env", f"PYTHONPATH={CODE}:/opt/nodewitness", "python3", SCRIPT]
    started: list[Process] = []
    try:
        started.append(guest.start([*python, "serve", TRACING, RAW_SOCKET]))
        for socket, whose in ((RAW_SOCKET, "raw"), ("/run/nodewitness/agent.sock", "agent")):
            process = guest.start([*python, "hear", socket, whose])
            started.append(process)
            process.wait_out("ready", 120)
        yield started[1], started[2]
    finally:
        for process in started:
            process.close()
        guest.run(f"rmdir {TRACING}/instances/raw-path; umount {TRACING}", check=False)


def heard(process: Process) -> dict[int, list[int]]:
    """By pid, the numbers that a subscriber has printed behind it."""
    lines = process.out.split("\n")[:-1]
    rows = [list(map(int, line.split())) for line in lines if line != "ready"]
    return {pid: numbers for pid, *numbers in rows}


def test_kill_to_subscriber(
    pods: Pods, agent: AgentProcess, guest: Guest, figures: list[str]
) -> None:
    """From the kernel's mark_victim to a gRPC subscriber, the agent's way and the bare one: the
    same kills, one clock. Their cgroup is one that both have known for long.
    """
    pod = pods.create("latency")
    agent.start(cold=True)
    with raw_path(guest) as (raw, agents):
        storm = Storm(pod.group, kills=KILLS, options=f"stay gap {GAP_MS}")
        pids = {pid for leaf in storm.finish() for pid in leaf.pids}
        for process in (raw, agents):
            until(
                lambda process=process: pids <= heard(process).keys(),  # type: ignore[misc]
                120,
                "every kill has been heard",
                lambda process=process: process.err + agent.log(),  # type: ignore[misc]
            )
        bare, ours = heard(raw), heard(agents)
    killed = {pid: numbers[1] for pid, numbers in bare.items()}
    words = []
    medians = []
    for name, arrived in (("agent", ours), ("bare reader", bare)):
        ms = sorted((arrived[pid][0] - killed[pid]) / 1e6 for pid in pids)
        assert ms[0] > 0
        medians.append(statistics.median(ms))
        words.append(
            f"{name} median {medians[-1]:.1f} ms, p99 {ms[int(len(ms) * 0.99) - 1]:.1f} ms"
        )
    ratio = medians[0] / medians[1]
    figures.append(
        f"kill to gRPC subscriber, {len(pids)} kills: {'; '.join(words)}; ratio {ratio:.2f}"
    )


MODES: dict[str, Mapping[str, str]] = {
    "off": {"sources.trace": "false"},
    "kills only (probe)": {},
    "kills and forks": {"sources.probe": "false"},
}


RATES = (1_000, 5_000)


def test_cost_of_the_recorder(guest: Guest, agent: AgentProcess, figures: list[str]) -> None:
    """CPU of the agent and of the forks themselves, with the recorder off, with kills alone in it,
    and with every fork. How many forks there really were is said: emulation is slow.
    """
    asking = Asking(agent)
    for name, settings in MODES.items():
        agent.start(settings, cold=True)
        until(asking.nothing_pending, 120, "the start is over")
        for rate in RATES:
            before = asking.status().self.cpu.ToTimedelta()
            with forks(guest, rate) as noise:
                guest.run(["sleep", str(NOISE_SECONDS)])  # what is measured is a time of forks
            spent = (asking.status().self.cpu.ToTimedelta() - before).total_seconds()
            assert noise.made > 0
            figures.append(
                f"recorder {name}, {rate} forks/s wanted: {noise.rate:.0f} were made,"
                f" {noise.cpu_seconds / noise.made * 1e6:.0f} us of CPU each;"
                f" agent {spent / noise.seconds:.1%} of a core"
            )
        agent.stop()
