"""What matters in the console of a guest that hung and was made to panic: who waits, and where."""

import re
from collections.abc import Iterator

_STAMP = re.compile(r"^\[ *\d+\.\d+\] ")
_TASK = re.compile(r"task:\S.* state:(\S) ")
_ENDS = re.compile(r"task:|NMI backtrace|Sched Debug|Kernel panic|Kernel Offset")
_COMPLAINTS = re.compile(r"BUG: |WARNING: |INFO: |lockup|self-detected|detected stalls")
COMPLAINTS = 20


def told(console: str) -> list[str]:
    """The kernel's complaints before its end, the stacks of blocked tasks and of processors."""
    lines = [_STAMP.sub("", line) for line in console.splitlines()]
    complaints = [line for line in lines if _COMPLAINTS.search(line)]
    return [*complaints[:COMPLAINTS], *_stacks(lines)]


def panics(console: str) -> list[str]:
    """The lines that say why it panicked; the stacks that follow push them out of a tail."""
    return [line for line in console.splitlines() if "Kernel panic" in line]


def _stacks(lines: list[str]) -> Iterator[str]:
    """Everything from a line that begins a stack of interest to the next that ends it."""
    wanted = False
    for line in lines:
        if _ENDS.search(line):
            task = _TASK.search(line)
            wanted = task.group(1) == "D" if task else "NMI backtrace" in line or "panic" in line
        if wanted:
            yield line
