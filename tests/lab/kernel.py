"""Debian's kernel, ready for QEMU: uncompressed vmlinux (PVH boot), layer of modules, initramfs.

Unpacking is what makes a kernel slow to start without KVM, so it is done here, once: 6.1 is packed
with xz, 6.12 with zstd and each of its modules with xz.
"""

import lzma
import shutil
import struct
import tempfile
from pathlib import Path

from tests.lab import apt
from tests.lab.cache import LAB, artefact
from tests.lab.command import CommandError, command
from tests.lab.machines import Kernel

EARLY_MODULES = (
    "virtio_pci",
    "virtio_blk",
    "virtio_rng",
    "virtio_net",
    "9pnet_virtio",
    "9p",
    "overlay",
    "squashfs",
)
KEPT_MODULES = (
    "kernel/arch",
    "kernel/crypto",
    "kernel/drivers/block",
    "kernel/drivers/char",
    "kernel/drivers/md",
    "kernel/drivers/net/dummy.ko",
    "kernel/drivers/net/ipvlan",
    "kernel/drivers/net/macvlan.ko",
    "kernel/drivers/net/net_failover.ko",
    "kernel/drivers/net/tun.ko",
    "kernel/drivers/net/veth.ko",
    "kernel/drivers/net/virtio_net.ko",
    "kernel/drivers/net/vxlan",
    "kernel/drivers/virtio",
    "kernel/fs",
    "kernel/lib",
    "kernel/mm",
    "kernel/net",
)
APPLETS = ("sh", "mount", "mkdir", "insmod", "switch_root")


def kernel(wanted: Kernel) -> tuple[Path, bool]:
    """The artefact with vmlinux, modules.sqfs and early/ (the initramfs's modules, in order)."""
    options = apt.backports() if wanted is Kernel.V6_12 else ()
    package, version = apt.kernel_package(options)
    if not package.startswith(f"linux-image-{wanted.value}."):
        raise CommandError(f"wanted is a kernel {wanted.value}, what apt has is {package}")
    inputs = (Path(__file__), package, version)
    return artefact("kernel", inputs, lambda target: _make_kernel(package, options, target))


def _make_kernel(package: str, options: apt.Options, target: Path) -> None:
    version = package.removeprefix("linux-image-")
    unpacked, layer = target / "deb", target / "layer"
    unpacked.mkdir()
    file = apt.download(package, target, options)
    command(["dpkg", "-x", file, unpacked])
    file.unlink()
    (target / "vmlinux").write_bytes(vmlinux((unpacked / f"boot/vmlinuz-{version}").read_bytes()))
    _kept_modules(unpacked / "lib/modules" / version, layer / "usr/lib/modules" / version)
    (layer / "lib").symlink_to("usr/lib")
    command(["depmod", "-b", layer, version])
    _early_modules(layer, version, target / "early")
    (layer / "lib").unlink()
    command(["mksquashfs", layer, target / "modules.sqfs", "-comp", "lz4", "-all-root", "-quiet"])
    shutil.rmtree(unpacked)
    shutil.rmtree(layer)


def vmlinux(image: bytes) -> bytes:
    """The ELF inside a bzImage, found by the boot header (Documentation/x86/boot.rst)."""
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start : start + length]
    if payload.startswith(b"\xfd7zXZ\0"):
        elf = lzma.LZMADecompressor(format=lzma.FORMAT_XZ).decompress(payload)
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        elf = _unpack_zstd(payload[:-4])  # the kernel's build appends the size
    else:
        raise CommandError(f"the kernel is packed with neither xz nor zstd: {payload[:6]!r}")
    if not elf.startswith(b"\x7fELF"):
        raise CommandError("the kernel's payload is not an ELF file")
    return elf


def _unpack_zstd(data: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        packed, unpacked = Path(directory, "packed"), Path(directory, "unpacked")
        packed.write_bytes(data)
        command(["zstd", "-q", "-d", packed, "-o", unpacked])
        return unpacked.read_bytes()


def _early_modules(root: Path, version: str, target: Path) -> None:
    target.mkdir()
    order: list[str] = []
    for module in EARLY_MODULES:
        for line in command(["modprobe", "-d", root, "-S", version, "-D", module]).splitlines():
            kind, _, path = line.strip().partition(" ")
            name = Path(path).name
            if kind == "insmod" and name not in order:
                shutil.copy(path, target / name)
                order.append(name)
    (target / "order").write_text("".join(f"{name}\n" for name in order))


def _kept_modules(source: Path, target: Path) -> None:
    for name in KEPT_MODULES:
        for path in (source / name, source / f"{name}.xz"):
            kept = target / path.relative_to(source)
            if path.is_dir():
                shutil.copytree(path, kept)
            elif path.exists():
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, kept)
    for packed in sorted(target.rglob("*.ko.xz")):
        packed.with_suffix("").write_bytes(lzma.decompress(packed.read_bytes()))
        packed.unlink()
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(source / name, target / name)


def initramfs(kernel_artefact: Path) -> tuple[Path, bool]:
    """The artefact with initramfs.cpio: busybox, the early modules, guest/initramfs-init."""
    init, busybox = LAB / "guest/initramfs-init", Path("/bin/busybox")
    inputs = (Path(__file__), init, busybox, kernel_artefact / "early")
    return artefact("initramfs", inputs, lambda t: _make_initramfs(t, kernel_artefact, init))


def _make_initramfs(target: Path, kernel_artefact: Path, init: Path) -> None:
    tree = target / "tree"
    for directory in ("bin", "dev", "proc", "sys", "layers", "rw", "newroot"):
        (tree / directory).mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin/busybox")
    for applet in APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")
    shutil.copytree(kernel_artefact / "early", tree / "modules")
    shutil.copy(init, tree / "init")
    command(["sh", "-c", "find . | cpio -o -H newc --quiet > ../initramfs.cpio"], cwd=tree)
    shutil.rmtree(tree)
