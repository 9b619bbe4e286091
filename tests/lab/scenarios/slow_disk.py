"""A disk that stops answering: ext4 behind device-mapper, which can be suspended."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.guest import Guest

NAME = "lab-slow"
MOUNT = "/run/lab/slow"
IMAGE = "/run/lab/slow.img"
MIB = 32

# Given a device, it lies on that one, else on a file.
_UP = f"""
set -e
modprobe -a loop dm_mod ext4
# What a test that failed may have left busy until its pods were removed.
dmsetup remove --noudevsync {NAME} 2> /dev/null || true
losetup -j {IMAGE} | cut -d: -f1 | xargs -r losetup -d
mkdir -p {MOUNT}
device=$1
if [ -z "$device" ]; then
    truncate -s {MIB}M {IMAGE}
    device=$(losetup -f --show {IMAGE})
fi
dmsetup create {NAME} --noudevsync --table "0 $(({MIB} * 2048)) linear $device 0"
dmsetup mknodes {NAME}
mkfs.ext4 -qF /dev/mapper/{NAME}
mount /dev/mapper/{NAME} {MOUNT}
echo $device
"""

_DOWN = f"""
dmsetup resume --noudevsync {NAME}
umount -l {MOUNT}
for attempt in $(seq 100); do
    dmsetup remove --noudevsync {NAME} 2> /dev/null && break
    sleep 0.1
done
losetup -j {IMAGE} | cut -d: -f1 | xargs -r losetup -d
rm -f {IMAGE}
rmdir {MOUNT}
"""


class SlowDisk:
    """A mounted file system."""

    def __init__(self, guest: Guest, beneath: str) -> None:
        self._guest = guest
        self._beneath = beneath

    def suspend(self) -> None:
        """From now on whoever waits for it sleeps where no signal reaches him."""
        self._guest.run(f"dmsetup suspend --noudevsync --noflush --nolockfs {NAME}")

    def resume(self) -> None:
        """It answers again, and what waited goes on."""
        self._guest.run(f"dmsetup resume --noudevsync {NAME}")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Suspended with its file system, as dmsetup does it unless told otherwise: who writes to a
        file, be it through memory, hangs at once and not when the cache is full. Always resumed.
        """
        self._guest.run(f"dmsetup suspend --noudevsync {NAME}")
        try:
            yield
        finally:
            self.resume()

    def limit_writes(self, cgroup: str, bytes_per_second: str) -> None:
        """io.max of a cgroup (its directory), with the controller that takes."""
        self._guest.run(
            "cd /sys/fs/cgroup; for at in . kubepods kubepods/burstable; do"
            " echo +io > $at/cgroup.subtree_control; done;"
            f" device=$(dmsetup info --columns --noheadings --separator : -o major,minor {NAME});"
            f" echo $device wbps={bytes_per_second} > {cgroup}/io.max"
        )

    def delay_writes(self, milliseconds: int) -> None:
        """From now on each write takes so much longer, by dm-delay. The file system is not frozen
        meanwhile: it writes when it thaws, and that would take as long.
        """
        self._guest.run(
            f"modprobe dm_delay; dmsetup reload {NAME} --table"
            f' "0 $(({MIB} * 2048)) delay {self._beneath} 0 0 {self._beneath} 0 {milliseconds}"'
            f" && dmsetup suspend --noudevsync --nolockfs {NAME}"
            f" && dmsetup resume --noudevsync {NAME}"
        )

    def fail(self) -> None:
        """From now on each request fails, by dm-error."""
        self._guest.run(
            f'dmsetup reload {NAME} --table "0 $(({MIB} * 2048)) error"'
            f" && dmsetup suspend --noudevsync --noflush --nolockfs {NAME}"
            f" && dmsetup resume --noudevsync {NAME}"
        )


@contextmanager
def slow_disk(guest: Guest, on: str = "") -> Iterator[SlowDisk]:
    """One, mounted at MOUNT; resumed and removed at the end. `on` a device, else on a file."""
    said = guest.run(["sh", "-c", _UP, "sh", on], seconds=120).out
    try:
        yield SlowDisk(guest, said.split()[-1])
    finally:
        guest.run(_DOWN, seconds=120)
