"""How long `nodectl status` takes on a sick node, as a multiple of what it takes on a well one.

The time of an emulated machine that has a neighbour on its cores says little: of the same command
at another moment it may be thrice as much. So each measurement carries its own measure. A run of
the command is its start (Python, gRPC, the command's modules), which asks nobody and reads nothing
of the node, and its answer (the door, the calls, what is printed). Both are taken in one process,
one after the other, the answer again and again. What the command takes, start and answer, is told
in the CPU time of its start: that is the same while the machine is twice as slow, and more if the
answer waits, or the start does, for a processor or for its own files. It holds for the median
answer against the median, and for the slowest of them, which one that hangs now and then is,
against the slowest.
"""

from dataclasses import dataclass
from statistics import median

from agent.nodectl.exits import Exit
from tests.lab.agent_process import CODE
from tests.lab.guest import Guest

MOST = 1.3
ANSWERS = 5
TIMEOUT_SECONDS = 60
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
    answers: tuple[float, ...]

    @property
    def typical(self) -> float:
        """What the command takes, by the median answer."""
        return (self.start + median(self.answers)) / self.start_cpu

    @property
    def slowest(self) -> float:
        """What it takes by the slowest."""
        return (self.start + max(self.answers)) / self.start_cpu

    def __str__(self) -> str:
        return (
            f"starts in {self.start:.2f} s, {self.start_cpu:.2f} s of CPU, answers in"
            f" {median(self.answers):.2f} s, at most in {max(self.answers):.2f} s"
        )


class StatusPace:
    """Made while all is well: by that it goes."""

    def __init__(self, guest: Guest, figures: list[str]) -> None:
        self._guest = guest
        self._figures = figures
        self.healthy = self._measured()

    def holds(self, state: str) -> None:
        """In this state it takes at most MOST times its healthy time, the slowest of them too."""
        sick, well = self._measured(), self.healthy
        typical, slowest = sick.typical / well.typical, sick.slowest / well.slowest
        self._figures.append(
            f"nodectl status, {state}: {typical:.2f} times its healthy time, at its slowest"
            f" {slowest:.2f} times ({sick}; well, {well})"
        )
        assert typical <= MOST, (state, sick, well)
        assert slowest <= MOST, (state, sick, well)

    def _measured(self) -> Pace:
        argv = ["env", f"PYTHONPATH={CODE}", "python3", "-P", "-c", _MEASURE]
        said = self._guest.run(argv, seconds=(ANSWERS + 1) * TIMEOUT_SECONDS + 60.0)
        (start, cpu), *answers = (line.split() for line in said.out.splitlines())
        assert len(answers) == ANSWERS, said
        assert {int(code) for _, code in answers} <= {Exit.OK, Exit.FINDING}, said
        return Pace(
            start=float(start),
            start_cpu=float(cpu),
            answers=tuple(float(seconds) for seconds, _ in answers),
        )
