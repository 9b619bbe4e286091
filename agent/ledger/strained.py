"""The entry of a death with how things stood then."""

from __future__ import annotations

from msgspec.structs import replace

from agent.model.exits import ContainerDeath, Strain


def strained(death: ContainerDeath, strain: Strain) -> ContainerDeath:
    """The same death with these figures."""
    return replace(
        death,
        memory_working_set=strain.memory_working_set,
        memory_limit=strain.memory_limit,
        memory_pressure_full=strain.memory_pressure_full,
        cpu_pressure_some=strain.cpu_pressure_some,
        cpu_throttled_ratio=strain.cpu_throttled_ratio,
        io_pressure_full=strain.io_pressure_full,
        node_cpu_pressure_some=strain.node_cpu_pressure_some,
        node_memory_pressure_full=strain.node_memory_pressure_full,
        node_io_pressure_full=strain.node_io_pressure_full,
        network_saturated=strain.network_saturated,
    )


def strain_of(death: ContainerDeath) -> Strain:
    """What an entry says of it: a former run's is not to be read again."""
    return Strain(
        memory_working_set=death.memory_working_set,
        memory_limit=death.memory_limit,
        memory_pressure_full=death.memory_pressure_full,
        cpu_pressure_some=death.cpu_pressure_some,
        cpu_throttled_ratio=death.cpu_throttled_ratio,
        io_pressure_full=death.io_pressure_full,
        node_cpu_pressure_some=death.node_cpu_pressure_some,
        node_memory_pressure_full=death.node_memory_pressure_full,
        node_io_pressure_full=death.node_io_pressure_full,
        network_saturated=death.network_saturated,
    )
