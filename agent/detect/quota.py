"""What the detectors of CPU quotas have in common: how often cpu.max stopped a cgroup."""

from __future__ import annotations

from agent.model.condition import Evidence
from agent.model.rates import Rates
from agent.model.usage import CgroupSample


def exhausted(
    sample: CgroupSample, rates: Rates, least_ratio: float
) -> tuple[str, tuple[Evidence, ...]] | None:
    """In words and as evidence, if it was in at least this share of its periods."""
    ratio, cores = rates.throttled_ratio, sample.limits.cpu_cores
    if ratio is None or cores is None or ratio < least_ratio:
        return None
    used = "" if rates.cpu_cores is None else f"; it used {rates.cpu_cores:.2f}"
    words = (
        f"throttled in {100 * ratio:.0f} % of its periods of {rates.seconds:.0f} s: "
        f"cpu.max gives it {cores:.2f} CPUs{used}"
    )
    path = sample.place.path
    return words, (
        Evidence(
            what="nr_throttled / nr_periods",
            value=f"{ratio:.2f} in {rates.seconds:.0f} s",
            source=f"{path}/cpu.stat",
        ),
        Evidence(
            what="cpu.max",
            value=f"{sample.limits.cpu_quota_us} {sample.limits.cpu_period_us}",
            source=f"{path}/cpu.max",
        ),
    )
