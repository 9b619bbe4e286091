"""Which machines there are: a guest is made of a kernel, a cgroup driver, memory and processors."""

from dataclasses import dataclass
from enum import Enum


class Driver(Enum):
    """Who makes the cgroups of pods and containers; with SYSTEMD it is also the guest's PID 1."""

    CGROUPFS = "cgroupfs"
    SYSTEMD = "systemd"


class Kernel(Enum):
    """The version that a guest boots: Debian's own, or the one of its backports."""

    V6_1 = "6.1"
    V6_12 = "6.12"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineConfig:
    """What a guest is made of; two guests of 2 vCPU are enough for two cores."""

    memory_mib: int = 2048
    cpus: int = 2
    kernel: Kernel = Kernel.V6_1
    kernel_args: tuple[str, ...] = ("psi=1", "log_buf_len=4M")
    driver: Driver = Driver.CGROUPFS
    parallel: bool = False
    """A thread of the host for each processor, so that they run at once: for what is measured, in
    one guest alone.
    """


# The tests run on CGROUPFS unless they are marked: pytestmark = pytest.mark.machine(SYSTEMD).
CGROUPFS = MachineConfig()
SYSTEMD = MachineConfig(driver=Driver.SYSTEMD)
MODERN = MachineConfig(driver=Driver.SYSTEMD, kernel=Kernel.V6_12)
SMALL = MachineConfig(memory_mib=768)
# A ring that holds all storms, and two machines of their own: an agent that starts reads all of it.
STORMS = MachineConfig(kernel_args=("psi=1", "log_buf_len=16M"))
MORE_STORMS = MachineConfig(kernel_args=(*STORMS.kernel_args, "lab.boot=2"))

# In the order of their turns: what takes longest first.
EVERY = (STORMS, MORE_STORMS, CGROUPFS, SMALL, SYSTEMD, MODERN)
