"""<cgroup>/cpu.stat (cgroup v2)

    usage_usec 752197
    user_usec 550178
    system_usec 202018
    nr_periods 54               from here on only with the cpu controller, and not at the root
    nr_throttled 53
    throttled_usec 9435792
    nr_bursts 0
    burst_usec 0

https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
"""

from __future__ import annotations

from agent.model.usage import CPUUse
from agent.parse.flat_keyed import FlatKeyed

_V2 = FlatKeyed(
    "cpu.stat",
    ("usage_usec", "user_usec", "system_usec"),
    ("nr_periods", "nr_throttled", "throttled_usec"),
)


def parse_cpu_stat(data: bytes) -> CPUUse:
    """Microseconds since the cgroup was made, of it and all below; ParseError without usage."""
    usage, user, system, periods, throttled, throttled_us = _V2.numbers(data)
    return CPUUse(
        usage_us=usage,
        user_us=user,
        system_us=system,
        periods=periods,
        throttled_periods=throttled,
        throttled_us=throttled_us,
    )
