"""On this machine itself, which is not emulated: what a scrape of 15,000 series costs the agent's
own server, and one of the same series of containers the peer's. Both are asked over HTTP, with
gzip; the agent's figures of all containers are other ones each time.
"""

import asyncio
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from agent.config import Address
from agent.inventory.running import Running
from agent.model.exits import Verdict
from agent.serve.http import HttpServer
from agent.serve.pages import Pages
from agent.serve.socket import listen
from agent.serve.statistics import HttpStatistics
from tests.bench import agent_cost
from tests.bench.table import Figures
from tests.serve.sample import SampleView
from tests.serve.usage_sample import LIMITS, MI, RUNNING, key, record, sample

CONTAINERS = 400
ROUNDS, SCRAPES = 7, 20
FIRST = 1000  # the inode of the first of them


class Node(SampleView):
    """The made-up node of the tests, with many containers."""

    def __init__(self) -> None:
        super().__init__()
        self._records = tuple(
            record(FIRST + number, "app", pod=f"order-processor-5566778899-{number:05}")
            for number in range(CONTAINERS)
        )
        self.ended = {
            (each.names.namespace, each.names.pod, each.names.name): dict.fromkeys(Verdict, 0)
            for each in self._records
        }
        self._tick = 0

    def running(self) -> Running:
        self._tick += 1
        assert RUNNING.report is not None
        figures = {
            key(FIRST + number): sample(
                FIRST + number, (64 + number) * MI + 4096 * self._tick, limits=LIMITS
            )
            for number in range(CONTAINERS)
        }
        sweep = replace(RUNNING.report.sweep, samples=figures)
        return replace(
            RUNNING, containers=self._records, report=replace(RUNNING.report, sweep=sweep)
        )


@contextmanager
def ours() -> Iterator[tuple[str, int]]:
    """The agent's server in a thread: its URL, and the clock of that thread's CPU."""
    known = HttpStatistics()
    listener = listen(Address("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        server = HttpServer(
            Pages(Node(), known).respond, statistics=known, max_connections=4, header_timeout=60.0
        )
        await server.start(listener)
        ready.set()
        await ended.wait()
        await server.stop()

    ended = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    assert thread.ident is not None
    try:
        yield url, time.pthread_getcpuclockid(thread.ident)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def measured(program: bytes) -> Figures:
    """With the peer's program, or without one what is ours."""
    with ours() as (url, clock):
        text = agent_cost.scrape(url, "identity").decode()
        series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
        made_ms = _making_ms()
        if not program:
            took = [_ours_ms(url, clock) - made_ms for _ in range(ROUNDS)]
            return {"series": series, "cpu_ms": statistics.median(took)}
        ratios, own, theirs = [], [], []
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "peer"
            path.write_bytes(program)
            path.chmod(0o755)
            lines = [line for line in text.splitlines() if agent_cost.SERIES.match(line)]
            with agent_cost.serving(str(path), lines) as (pid, peer_series):
                for _ in range(ROUNDS):
                    before = agent_cost.cpu_ms(pid)
                    for _ in range(SCRAPES):
                        agent_cost.scrape(agent_cost.PEER)
                    theirs.append((agent_cost.cpu_ms(pid) - before) / SCRAPES)
                    own.append(_ours_ms(url, clock) - made_ms)
                    ratios.append(own[-1] / theirs[-1])
    return {
        "series": series,
        "peer_series": peer_series,
        "cpu_ms": statistics.median(own),
        "peer_cpu_ms": statistics.median(theirs),
        "ratio": statistics.median(ratios),
    }


def _ours_ms(url: str, clock: int) -> float:
    before = time.clock_gettime(clock)
    for _ in range(SCRAPES):
        agent_cost.scrape(url)
    return (time.clock_gettime(clock) - before) * 1e3 / SCRAPES


def _making_ms() -> float:
    """What the made-up node takes to make its figures, which the agent's has from its sweep."""
    node = Node()
    node.running()
    before = time.thread_time()
    for _ in range(SCRAPES):
        node.running()
    return (time.thread_time() - before) * 1e3 / SCRAPES
