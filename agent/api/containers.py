"""The encoders of what runs and what it uses, to containers.proto. Nobody reads it back."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.duration_pb2 import Duration

from agent.api.v1 import containers_pb2 as pb
from agent.api.wire import coding, duration, duration_ns, timestamp
from agent.model.cgroup import Limit, MemoryLimit
from agent.model.rates import Derived, Rates, Shares
from agent.model.usage import CgroupSample, CPUUse, DeviceIO, MemoryUse, Pressure


def usage_to_wire(sample: CgroupSample, derived: Derived, wall_offset_ns: int) -> pb.Usage:
    """One sample. `wall_offset_ns` is the wall clock less CLOCK_BOOTTIME."""
    rates = derived.rates
    limits = sample.limits
    with coding("what a cgroup uses"):
        return pb.Usage(
            at=timestamp(sample.boottime_ns + wall_offset_ns),
            memory=None if sample.memory is None else _memory(sample.memory, sample, derived),
            cpu=None if sample.cpu is None else _cpu(sample.cpu, sample, rates),
            io=_io(sample.io.values(), rates)
            if sample.io or sample.io_pressure is not None
            else None,
            pids=sample.pids,
            pids_limit=_limited(limits.pids_max),
            cpu_pressure=_stall(sample.cpu_pressure, None if rates is None else rates.cpu_pressure),
            memory_pressure=_stall(
                sample.memory_pressure, None if rates is None else rates.memory_pressure
            ),
            io_pressure=_stall(sample.io_pressure, None if rates is None else rates.io_pressure),
            rates_over=None if rates is None else duration(rates.seconds),
        )


def state_to_wire(sample: CgroupSample | None) -> pb.CgroupState:
    """Whether anything lives in it."""
    if sample is None or sample.populated is None:
        return pb.CGROUP_STATE_UNKNOWN
    if sample.frozen and sample.populated:
        return pb.CGROUP_STATE_FROZEN
    return pb.CGROUP_STATE_RUNNING if sample.populated else pb.CGROUP_STATE_EMPTY


def _memory(memory: MemoryUse, sample: CgroupSample, derived: Derived) -> pb.Usage.Memory:
    limits, events, left = sample.limits, memory.events, derived.seconds_to_limit
    return pb.Usage.Memory(
        current=memory.current,
        working_set=memory.working_set,
        anon=memory.anon,
        file=memory.file,
        kernel=memory.kernel,
        shmem=memory.shmem,
        swap=memory.swap,
        peak=memory.peak,
        limit=_limited(limits.memory_max),
        high=_limited(limits.memory_high),
        min=_limited(limits.memory_min) or None,
        limit_hits=None if events is None else events.max,
        high_hits=None if events is None else events.high,
        oom_kills=None if events is None else events.oom_kill,
        growth=None if derived.growth is None else derived.growth.per_second,
        time_to_limit=None if left is None else duration(left),
    )


def _cpu(cpu: CPUUse, sample: CgroupSample, rates: Rates | None) -> pb.Usage.CPU:
    limits = sample.limits
    return pb.Usage.CPU(
        used=_micros(cpu.usage_us),
        user=_micros(cpu.user_us),
        system=_micros(cpu.system_us),
        cores=None if rates is None else rates.cpu_cores,
        limit_cores=limits.cpu_cores,
        weight=limits.cpu_weight,
        periods=cpu.periods,
        throttled_periods=cpu.throttled_periods,
        throttled=None if cpu.throttled_us is None else _micros(cpu.throttled_us),
        throttled_ratio=None if rates is None else rates.throttled_ratio,
    )


def _io(devices: Iterable[DeviceIO], rates: Rates | None) -> pb.Usage.IO:
    wire = pb.Usage.IO(
        read_bytes_per_second=None if rates is None else rates.read_bytes_per_second,
        written_bytes_per_second=None if rates is None else rates.written_bytes_per_second,
    )
    for device in devices:
        wire.read_bytes += device.read_bytes
        wire.written_bytes += device.written_bytes
        wire.reads += device.reads
        wire.writes += device.writes
    return wire


def _stall(pressure: Pressure | None, shares: Shares | None) -> pb.Usage.Stall | None:
    if pressure is None:
        return None
    return pb.Usage.Stall(
        waiting=_micros(pressure.some_us),
        stalled=None if pressure.full_us is None else _micros(pressure.full_us),
        waiting_ratio=None if shares is None else shares.waiting,
        stalled_ratio=None if shares is None else shares.stalled,
    )


def _limited(limit: MemoryLimit | None) -> int | None:
    return None if isinstance(limit, Limit) else limit


def _micros(us: int) -> Duration:
    return duration_ns(us * 1000)
