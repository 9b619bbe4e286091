"""How long `nodectl status` takes on a sick node, as a multiple of what it takes on a well one.

The time of an emulated machine that has a neighbour on its cores says little: of the same command
at another moment it may be thrice as much. So each measurement carries its own measure. A run of
the command is its start (Python, gRPC, the command's modules), which asks nobody and reads nothing
of the node, and its answer (the door, the calls, what is printed). Both are taken in one process,
one after the other; the answer again and again, and its median counts. What the command takes,
start and answer, is told in starts: that is the same while the machine is twice as slow, and more
if the answer waits.
"""

from dataclasses import dataclass
from statistics import median

from agent.nodectl.exits import Exit
from tests.lab.agent_process import CODE
from tests.lab.guest import Guest

MOST = 1.3
ANSWERS = 5
TIMEOUT_SECONDS = 60
MOST_WAITING = 3.0
"""The start waits for a processor or for its own files: of its CPU time no more than so many times
as on the well node.
"""
# The start ends where all is imported that the command imports; the kernel knows when it began.
_MEASURE = f"""
import os, time
from agent.nodectl import status
from agent.nodectl.door import import_grpc
from agent.nodectl.main import cli
import_grpc()
from agent.api.v1 import node_agent_pb2
from agent.nodectl.show import status as shown

def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)

with open("/proc/self/stat") as stat:
    ticks = int(stat.read().rpartition(")")[2].split()[19])
start = now() - ticks / os.sysconf("SC_CLK_TCK")
figures = os.fdopen(os.dup(1), "w")
print(start, time.process_time(), file=figures)
os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
for answer in range({ANSWERS}):
    began = now()
    code = cli.main(
        ["--timeout", "{TIMEOUT_SECONDS}s", "status"], prog_name="nodectl", standalone_mode=False
    )
    print(now() - began, code or 0, file=figures)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """One process of it; seconds."""

    start: float
    start_cpu: float
    answer: float

    @property
    def in_starts(self) -> float:
        """What the command takes."""
        return (self.start + self.answer) / self.start


class StatusPace:
    """Made while all is well: by that it goes."""

    def __init__(self, guest: Guest, figures: list[str]) -> None:
        self._guest = guest
        self._figures = figures
        self.healthy = self._measured()

    def holds(self, state: str) -> None:
        """In this state it takes at most MOST times its healthy time."""
        sick, well = self._measured(), self.healthy
        ratio = sick.in_starts / well.in_starts
        self._figures.append(
            f"nodectl status, {state}: {ratio:.2f} times its healthy time (starts in"
            f" {sick.start:.2f} s, answers in {sick.answer:.2f} s; well, in {well.start:.2f} s"
            f" and {well.answer:.2f} s)"
        )
        assert ratio <= MOST, (state, sick, well)
        waits, waited = sick.start / sick.start_cpu, well.start / well.start_cpu
        assert waits <= MOST_WAITING * waited, (state, sick, well)

    def _measured(self) -> Pace:
        argv = ["env", f"PYTHONPATH={CODE}", "python3", "-P", "-c", _MEASURE]
        said = self._guest.run(argv, seconds=(ANSWERS + 1) * TIMEOUT_SECONDS + 60.0)
        (start, cpu), *answers = (line.split() for line in said.out.splitlines())
        assert len(answers) == ANSWERS, said
        assert {int(code) for _, code in answers} <= {Exit.OK, Exit.FINDING}, said
        return Pace(
            start=float(start),
            start_cpu=float(cpu),
            answer=median(float(seconds) for seconds, _ in answers),
        )
