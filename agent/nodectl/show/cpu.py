"""`nodectl cpu`: the shares, the queue, the load, one fact a line."""

from __future__ import annotations

from agent.api.v1 import cpu_pb2 as pb
from agent.nodectl.show.words import duration, in_line, wrapped

MODES = ("user", "system", "iowait", "irq", "softirq", "steal", "idle")


def report(cpu: pb.CPUReport) -> str:
    """The whole answer."""
    window = duration(cpu.window.ToMilliseconds() / 1000)
    lines = wrapped("cpus     ", f"{cpu.cpus} online")
    if cpu.HasField("shares"):
        parts = [f"{mode} {100 * getattr(cpu.shares, mode):.1f}%" for mode in MODES]
        lines += wrapped("time     ", in_line(parts) + f" of {window}")
    else:
        lines += wrapped("time     ", "not known yet: ask again")
    each = cpu.runnable / cpu.cpus if cpu.cpus else 0.0
    queue = f"{cpu.runnable:.1f} tasks are runnable, {each:.2f} for each CPU"
    lines += wrapped(
        "queue    ", f"{queue}; {cpu.runnable_most} at most in {window}; {cpu.blocked} wait for io"
    )
    if cpu.load:
        load = " ".join(f"{each:.2f}" for each in cpu.load)
        lines += wrapped("load     ", f"{load} (1, 5, 15 min; tasks in state D count too)")
    if cpu.HasField("waiting_ratio"):
        waited = f"some task waited for a CPU {100 * cpu.waiting_ratio:.0f}% of the last 10 s"
        lines += wrapped("pressure ", waited)
    if cpu.HasField("softirq_cpu"):
        share = f"{100 * cpu.softirq_cpu_ratio:.0f}% of its time"
        lines += wrapped("softirq  ", f"most on CPU {cpu.softirq_cpu}: {share}")
    return "\n".join(lines)
