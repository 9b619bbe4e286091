"""How long `nodectl status` takes on a sick node, as a multiple of what it took on a well one."""

from statistics import median

from agent.nodectl.exits import Exit
from tests.lab.guest import Guest

RUNS = 3
MOST = 3.0
"""Beyond it something hangs. The target, 1.3, is read off the figures: an emulated machine that has
a neighbour on the same cores is no place to hold a test to it.
"""
# Of one read(2) of a shell, without another process: uptime has hundredths of a second.
_MEASURE = f"""
for run in $(seq {RUNS}); do
    read begun rest < /proc/uptime
    nodectl --timeout 60s status > /dev/null
    code=$?
    read ended rest < /proc/uptime
    echo $begun $ended $code
done
"""


class StatusPace:
    """Made while all is well: by that it goes."""

    def __init__(self, guest: Guest, figures: list[str]) -> None:
        self._guest = guest
        self._figures = figures
        self.healthy = self._seconds()

    def holds(self, state: str) -> None:
        """It still answers, and how much later is a figure."""
        seconds = self._seconds()
        ratio = seconds / self.healthy
        self._figures.append(
            f"nodectl status, {state}: {ratio:.2f} times its healthy time"
            f" ({seconds:.2f} s, {self.healthy:.2f} s)"
        )
        assert ratio <= MOST, (state, seconds, self.healthy)

    def _seconds(self) -> float:
        """The median of some runs of the whole command, its own start included."""
        lines = self._guest.run(_MEASURE, seconds=RUNS * 70.0).out.splitlines()
        runs = [line.split() for line in lines]
        assert len(runs) == RUNS
        assert {int(code) for _, _, code in runs} <= {Exit.OK, Exit.FINDING}, runs
        return median(float(ended) - float(begun) for begun, ended, _ in runs)
