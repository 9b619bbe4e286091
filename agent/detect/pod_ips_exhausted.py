"""PodIPsExhausted: host-local has no address left to give to a pod."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.network import POD_IPS_EXHAUSTED
from agent.model.condition import NODE, Evidence, Finding
from agent.model.network import AddressPool


def _detect(scene: Scene) -> Iterator[Finding]:
    pools = () if scene.network is None else scene.network.pools
    full = [pool for pool in pools if not pool.unread and not pool.free]
    for pool in full[:1]:
        leaked = f", {pool.leaked} of them by containers that are gone" if pool.leaked else ""
        yield Finding(
            type=POD_IPS_EXHAUSTED.name,
            entity=NODE,
            reason="HeldByTheDead" if pool.leaked else "AllInUse",
            message=f"no pod can get an address: all {pool.total} of network {pool.network} are "
            f"taken{leaked}",
            evidence=tuple(_evidence(pool)),
        )


def _unknown(scene: Scene) -> str:
    return "" if scene.network is None else scene.network.addresses_unknown


def _evidence(pool: AddressPool) -> Iterator[Evidence]:
    ranges = f"{', '.join(pool.ranges)}: {pool.total} addresses"
    yield Evidence(what="ranges", value=ranges, source="the CNI configuration")
    yield Evidence(what="used", value=str(pool.used), source=pool.directory)
    yield Evidence(what="leaked", value=str(pool.leaked), source=f"{pool.directory}, the runtime")


DETECTOR = Detector(condition=POD_IPS_EXHAUSTED, detect=_detect, unknown=_unknown)
