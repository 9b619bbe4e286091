"""A disk in words, and who uses it."""

from __future__ import annotations

from agent.model.disks import DiskState, DiskUser


def name_of(state: DiskState) -> str:
    """ "dm-0 (device-mapper vg0-data on sda), mounted at /data,"."""
    disk = state.disk
    what = f"{disk.kind.value} {disk.label}".rstrip()
    on = f" on {', '.join(disk.beneath)}" if disk.beneath else ""
    mounts = f", mounted at {', '.join(disk.mounts[:2])}," if disk.mounts else ""
    return f"{disk.name} ({what}{on}){mounts}"


def user_of(user: DiskUser) -> str:
    """ "shop/web-0", "containerd.service"."""
    names = user.names
    if names is not None and (names.pod or names.pod_uid):
        return f"{names.namespace or '?'}/{names.pod or names.pod_uid}"
    return user.unit or "no unit"
