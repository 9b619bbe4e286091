"""One QEMU process: a guest from its start to its end.

No KVM (TCG). Each guest has a directory of its own in the cache (console, QEMU's messages, its pid)
and five ports of 127.0.0.1: four lead into it, one to QEMU's monitor. A guest ends with `stop`, at
the interpreter's exit, or with the thread that started it.
"""

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.lab import post_mortem
from tests.lab.build import Artefacts
from tests.lab.cache import PROJECT, cache_root
from tests.lab.deadline import DeadlineError, until
from tests.lab.machines import MachineConfig

READY = "LAB-READY"
BOOT_SECONDS = 120.0
CONSOLE_TAIL = 40
LAST_WORDS_SECONDS = 60.0
# An NMI that nobody has asked for is a panic, with the stacks of all tasks and processors and all
# that was logged before (bits 0, 5 and 6 of panic_print, Linux 5.18).
ON_NMI = "unknown_nmi_panic panic_print=0x61"
CPU = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand"


class MachineError(RuntimeError):
    """The guest does not boot, or has ended; the message has the console's tail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The doors on 127.0.0.1: commands, containerd's socket, the agent's socket, its /metrics, and
    QEMU's monitor.
    """

    commands: int
    containerd: int
    agent: int
    metrics: int
    monitor: int

    def forwards(self) -> str:
        """The hostfwd options; the guest's side is guest/usr/local/lib/lab/init."""
        pairs = ((self.commands, 7000), (self.containerd, 7001), (self.agent, 7002))
        every = (*pairs, (self.metrics, 7003))
        return ",".join(f"hostfwd=tcp:127.0.0.1:{host}-:{guest}" for host, guest in every)


class Machine:
    """A booted guest. A context manager; `start` may be called once."""

    def __init__(self, artefacts: Artefacts, config: MachineConfig | None = None) -> None:
        self.artefacts = artefacts
        self.config = config or MachineConfig()
        runs = runs_directory()
        runs.mkdir(exist_ok=True)
        self.directory = Path(tempfile.mkdtemp(prefix="guest-", dir=runs))
        (self.directory / "owner").write_text(f"{os.getpid()}\n")
        self.ports = free_ports()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = BOOT_SECONDS) -> "Machine":
        """Boot and wait until the guest takes commands."""
        atexit.register(self.stop)
        try:
            self._launch()
            if self._ports_were_taken():
                self.ports = free_ports()
                self._launch()
            until(self._ready, seconds, "the guest takes commands", self.console_tail)
        except DeadlineError as error:
            self._end()
            raise MachineError(str(error)) from None
        except BaseException:
            self._end()
            raise
        return self

    def console(self) -> str:
        """What the guest has written to its serial console so far."""
        path = self.directory / "console.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def console_tail(self) -> str:
        """The end of the console and of QEMU's own messages, for an error message."""
        log = self.directory / "qemu.log"
        said = log.read_text(errors="replace") if log.exists() else ""
        lines = self.console().splitlines()[-CONSOLE_TAIL:] + said.splitlines()[-5:]
        return "\n".join(["--- console:", *lines])

    def last_words(self) -> str:
        """Have a guest that answers no more tell where it hangs. It ends with that."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(
                ("127.0.0.1", self.ports.monitor), timeout=LAST_WORDS_SECONDS
            ) as monitor,
        ):
            monitor.sendall(b"nmi\n")
            with contextlib.suppress(DeadlineError):
                until(lambda: not self.alive(), LAST_WORDS_SECONDS, "the guest panics")
        self._end()
        return "\n".join(["--- its last words:", *post_mortem.told(self.console())])

    def alive(self) -> bool:
        """Whether QEMU still runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the guest at once and remove its directory. May be called again."""
        atexit.unregister(self.stop)
        self._end()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> "Machine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _ready(self) -> bool:
        if not self.alive():
            said = "\n".join(post_mortem.panics(self.console()))
            raise MachineError(f"QEMU has ended\n{said}\n{self.console_tail()}")
        return READY in self.console()

    def _ports_were_taken(self) -> bool:
        """Wait until QEMU has set itself up; true when another process was faster with a port."""

        def settled() -> bool:
            return not self.alive() or (self.directory / "console.log").exists()

        until(settled, 30, "QEMU starts", self.console_tail)
        return not self.alive() and "forwarding rule" in self.console_tail()

    def _launch(self) -> None:
        with (self.directory / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                # QEMU gets SIGKILL when the thread that started it dies.
                ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", *self._options()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (self.directory / "pid").write_text(f"{self._process.pid}\n")

    def _options(self) -> list[str]:
        share = str(PROJECT).replace(",", ",,")
        # norandmaps: QEMU keeps by virtual address what it has translated of a program, and would
        # translate it anew for each process. An exec costs half, a container four fifths (7.2).
        # init_on_alloc=0: Debian clears memory twice, and an emulated processor is slow at it.
        arguments = (
            "norandmaps",
            "init_on_alloc=0",
            "console=ttyS0 loglevel=3 panic=-1 tsc=reliable no_timer_check random.trust_cpu=on",
            ON_NMI,
            f"mitigations=off lab.driver={self.config.driver.value}",
            *self.config.kernel_args,
        )
        # One thread for all processors of a guest, and two guests for the two cores of a small
        # machine. With a thread for each, a processor spins for a lock whose holder has no core,
        # or for the other's answer to an interrupt: beside another guest a drill took 111 s instead
        # of 58, the eviction of a pod 58 instead of 29, a boot 52 to 62 instead of 31 to 39 (7.2).
        threads = "multi" if self.config.parallel else "single"
        accelerator = f"tcg,thread={threads},tb-size=1024"
        options = {
            "-name": self.directory.name,
            "-machine": "q35",
            "-accel": accelerator,
            "-cpu": CPU,
            "-smp": str(self.config.cpus),
            "-m": f"{self.config.memory_mib}M",
            "-display": "none",
            "-monitor": f"tcp:127.0.0.1:{self.ports.monitor},server=on,wait=off",
            "-serial": f"file:{self.directory}/console.log",
            "-kernel": str(self.artefacts.vmlinux),
            "-initrd": str(self.artefacts.initramfs),
            "-append": " ".join(arguments),
            "-virtfs": f"local,path={share},mount_tag=project,security_model=none,readonly=on,"
            "multidevs=remap",
            "-netdev": f"user,id=net,restrict=on,{self.ports.forwards()}",
        }
        words = ["-nodefaults", "-no-user-config", "-no-reboot"]
        words += [word for pair in options.items() for word in pair]
        for number, layer in enumerate(self.artefacts.layers):
            drive = f"id=layer{number},file={layer},format=raw,if=none,readonly=on"
            words += ["-drive", drive, "-device", f"virtio-blk-pci,drive=layer{number}"]
        return [*words, "-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci"]


def free_ports() -> Ports:
    """Five ports of 127.0.0.1 that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(5)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        numbers = [int(one.getsockname()[1]) for one in sockets]
    commands, containerd, agent, metrics, monitor = numbers
    return Ports(
        commands=commands, containerd=containerd, agent=agent, metrics=metrics, monitor=monitor
    )


def runs_directory() -> Path:
    """Where running guests have their directories."""
    return cache_root() / "run"


def end_left_over(report: Callable[[str], None]) -> None:
    """End guests whose session has died, remove their directories; report those in use."""
    for directory in sorted(runs_directory().glob("guest-*")):
        owner, pid = _number(directory / "owner"), _number(directory / "pid")
        if owner and Path(f"/proc/{owner}").exists():
            report(f"{directory.name}: in use by pid {owner}")
            continue
        if pid and directory.name.encode() in _words(pid):
            report(f"{directory.name}: ended pid {pid}")
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(directory, ignore_errors=True)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _words(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
