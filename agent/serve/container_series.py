"""The metric families of what containers use, written by hand: a series for each container.

The labels of a container are written once. Prometheus wants the samples of one family together, so
a scrape goes over the containers once for each family; what is not known, or not limited, is left
out. Sandboxes, and what nobody has named yet, have no series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from agent.inventory.names import ContainerKind
from agent.inventory.running import Running
from agent.model.cgroup import Limit
from agent.model.rates import Derived
from agent.model.usage import CgroupSample, DeviceIO, MemoryUse, Pressure
from agent.serve.exposition import escape_label
from agent.serve.negotiate import Format
from agent.serve.row import Kind

LABELS = ("namespace", "pod", "container")
_PREFIX = "nodewitness_container_"

_Value = Callable[[CgroupSample, Derived], float | None]


class Family(Struct, frozen=True, kw_only=True):
    """One family; `name` as its samples have it."""

    kind: Kind
    name: str
    help: str
    value: _Value

    def head(self, form: Format) -> bytes:
        """HELP and TYPE, as the format wants them."""
        name = self.name
        if form is Format.OPENMETRICS:
            name = name.removesuffix("_total")
        return f"# HELP {name} {self.help}\n# TYPE {name} {self.kind.value}\n".encode()


def _gauge(name: str, text: str, value: _Value) -> Family:
    return Family(kind=Kind.GAUGE, name=_PREFIX + name, help=text, value=value)


def _counter(name: str, text: str, value: _Value) -> Family:
    return Family(kind=Kind.COUNTER, name=f"{_PREFIX}{name}_total", help=text, value=value)


def _of_memory(value: Callable[[MemoryUse], float | None]) -> _Value:
    return lambda sample, _: None if sample.memory is None else value(sample.memory)


def _seconds(us: int | None) -> float | None:
    return None if us is None else us / 1e6


def _limited(sample: CgroupSample) -> float | None:
    limit = sample.limits.memory_max
    return None if isinstance(limit, Limit) else limit


def _when_limited(sample: CgroupSample, value: float | None) -> float | None:
    """Of cpu.max: without a limit it says nothing, and thousands of series say it."""
    return value if sample.limits.cpu_quota_us is not None or value else None


def _io(count: Callable[[DeviceIO], int]) -> _Value:
    return lambda sample, _: sum(map(count, sample.io.values())) if sample.io else None


def _pressures() -> Iterable[Family]:
    of: dict[str, Callable[[CgroupSample], Pressure | None]] = {
        "cpu": lambda sample: sample.cpu_pressure,
        "memory": lambda sample: sample.memory_pressure,
        "io": lambda sample: sample.io_pressure,
    }
    for what, pressure in of.items():
        yield _counter(
            f"pressure_{what}_waiting_seconds",
            f"Time in which some task of the container waited for {what}.",
            _total(pressure, lambda found: found.some_us),
        )
        yield _counter(
            f"pressure_{what}_stalled_seconds",
            f"Time in which no task of the container could run, for want of {what}.",
            _total(pressure, lambda found: found.full_us),
        )


def _total(
    pressure: Callable[[CgroupSample], Pressure | None], us: Callable[[Pressure], int | None]
) -> _Value:
    def value(sample: CgroupSample, derived: Derived) -> float | None:
        found = pressure(sample)
        return None if found is None else _seconds(us(found))

    return value


FAMILIES = (
    _gauge(
        "memory_working_set_bytes",
        "memory.current less inactive_file, as the kubelet computes it.",
        _of_memory(lambda memory: memory.working_set),
    ),
    _gauge("memory_usage_bytes", "memory.current.", _of_memory(lambda memory: memory.current)),
    _gauge("memory_anon_bytes", "Anonymous memory.", _of_memory(lambda memory: memory.anon)),
    _gauge("memory_file_bytes", "Page cache, tmpfs too.", _of_memory(lambda memory: memory.file)),
    _gauge(
        "memory_kernel_bytes", "Memory of the kernel.", _of_memory(lambda memory: memory.kernel)
    ),
    _gauge("memory_swap_bytes", "Swap in use.", _of_memory(lambda memory: memory.swap)),
    _gauge("memory_limit_bytes", "memory.max; absent without a limit.", lambda s, _: _limited(s)),
    _gauge(
        "memory_limit_time_left_seconds",
        "Time until the working set is at the limit if all goes on so; absent where no line fits.",
        lambda _, derived: derived.seconds_to_limit,
    ),
    _counter(
        "memory_limit_hits",
        "How often memory.max was hit and memory was reclaimed at once.",
        _of_memory(lambda memory: None if memory.events is None else memory.events.max),
    ),
    _counter(
        "cpu_usage_seconds",
        "CPU time.",
        lambda s, _: None if s.cpu is None else s.cpu.usage_us / 1e6,
    ),
    _gauge("cpu_limit_cores", "cpu.max; absent without a limit.", lambda s, _: s.limits.cpu_cores),
    _counter(
        "cpu_cfs_periods",
        "Periods of cpu.max in which there was something to run; absent without a limit.",
        lambda s, _: _when_limited(s, None if s.cpu is None else s.cpu.periods),
    ),
    _counter(
        "cpu_cfs_throttled_periods",
        "Periods of cpu.max in which the quota ran out.",
        lambda s, _: _when_limited(s, None if s.cpu is None else s.cpu.throttled_periods),
    ),
    _counter(
        "cpu_cfs_throttled_seconds",
        "Time that the tasks of the container were kept from running by cpu.max, over all CPUs.",
        lambda s, _: _when_limited(s, None if s.cpu is None else _seconds(s.cpu.throttled_us)),
    ),
    *_pressures(),
    _gauge("pids", "Tasks, threads included.", lambda s, _: s.pids),
    _counter("io_read_bytes", "Read from block devices.", _io(lambda device: device.read_bytes)),
    _counter(
        "io_written_bytes", "Written to block devices.", _io(lambda device: device.written_bytes)
    ),
)


class ContainerSeries:
    """Writes the families. Keeps the labels of each container from scrape to scrape."""

    def __init__(self, families: tuple[Family, ...] = FAMILIES) -> None:
        self._families = families
        self._labels: dict[tuple[str, str, str], str] = {}

    def pieces(self, running: Running, form: Format) -> Iterator[bytes]:
        """A piece for each family that has a sample now. Each takes a millisecond or two at a
        thousand containers; between them others may run.
        """
        rows = self._rows(running)
        for family in self._families:
            name, value = family.name, family.value
            lines = [
                f"{name}{labels} {number!r}\n"
                for labels, sample, derived in rows
                if (number := value(sample, derived)) is not None
            ]
            if lines:
                yield family.head(form) + "".join(lines).encode()

    def _rows(self, running: Running) -> list[tuple[str, CgroupSample, Derived]]:
        """(labels, sample, derived) of each; of two with the same labels the one that came last,
        for a container that starts again has two cgroups for a moment.
        """
        known, kept = self._labels, {}
        found: dict[str, tuple[int, CgroupSample, Derived]] = {}
        for record in running.containers:
            names = record.names
            sample = running.sample(record.id)
            if sample is None or not names.pod or not names.name:
                continue
            if record.kind is ContainerKind.SANDBOX:
                continue
            key = (names.namespace, names.pod, names.name)
            labels = kept[key] = known.get(key) or _labels(key)
            former = found.get(labels)
            if former is None or former[0] <= record.first_seen_ns:
                found[labels] = (record.first_seen_ns, sample, running.derived(record.id))
        self._labels = kept
        return [(labels, sample, derived) for labels, (_, sample, derived) in found.items()]


def _labels(names: tuple[str, str, str]) -> str:
    pairs = zip(LABELS, map(escape_label, names), strict=True)
    return "{" + ",".join(f'{label}="{value}"' for label, value in pairs) + "}"
