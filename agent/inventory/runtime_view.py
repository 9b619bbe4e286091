"""The runtime's list as it is held against the cgroups."""

from __future__ import annotations

from agent.inventory.listing import Listing
from agent.inventory.names import CRI, SANDBOX_NAME, clean
from agent.model.afterlife import RuntimeEntry, RuntimeState, RuntimeView
from agent.model.oom import Container


def runtime_view(listing: Listing, asked_ns: int) -> RuntimeView:
    """Every container and sandbox; `asked_ns` is CLOCK_BOOTTIME, before the question."""
    entries = {}
    for sandbox in listing.sandboxes.values():
        entries[sandbox.id] = RuntimeEntry(
            names=_names(listing, sandbox.id, SANDBOX_NAME, sandbox.pod_uid),
            sandbox=True,
            state=RuntimeState.RUNNING if sandbox.ready else RuntimeState.EXITED,
        )
    for each in listing.containers.values():
        state = getattr(RuntimeState, each.state, RuntimeState.UNKNOWN)
        own = listing.sandboxes.get(each.sandbox_id)
        uid = each.pod_uid or ("" if own is None else own.pod_uid)
        entries[each.id] = RuntimeEntry(
            names=_names(listing, each.id, each.name, uid),
            sandbox=False,
            state=state,
            attempt=each.attempt,
        )
    return RuntimeView(asked_boottime_ns=asked_ns, entries=entries)


def _names(listing: Listing, key: str, name: str, pod_uid: str) -> Container:
    names = listing.names(key)
    assert names is not None
    return Container(
        namespace=clean(names.namespace),
        pod=clean(names.pod),
        pod_uid=clean(pod_uid),
        name=clean(name),
        id=key,
        names_from=CRI,
    )
