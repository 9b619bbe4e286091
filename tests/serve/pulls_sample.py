"""A made-up report of a node that pulls from a registry that has gone silent."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from agent.model.disks import Op
from agent.model.heartbeat import Connection
from agent.model.oom import Container
from agent.model.pulls import (
    BlobFile,
    Cause,
    EndedPull,
    Meanwhile,
    Outcome,
    Phase,
    Pull,
    PullReport,
)
from tests.serve.heartbeat_sample import connection as any_connection
from tests.serve.io_sample import ROOT

S = 10**9
MIB = 1 << 20
NOW_NS = 11_000 * S
WALL_NS = 1_790_000_600 * S
STORE = "/var/lib/containerd/io.containerd.content.v1.content"
INGEST = "44426883c8b8bf5012999d60467121af3866818220ce5c22de3e8a2e61cfd048"
DIGEST = "sha256:a38044a1cfef2fac684105868f0d82272b19411d1b0c9fd0838cb26212dccef8"
OTHER = "sha256:0be89e5ad5b11ab904ba42a88d6cb9b9d517b13bf3d5b9b277926fd776aec4f1"


def connection(cookie: int, **fields: Any) -> Connection:
    """To the registry; well, but for these."""
    return replace(any_connection(cookie), remote="10.0.9.4:443", **fields)


LAYER = BlobFile(
    id=INGEST,
    unpacking=False,
    path=f"{STORE}/ingest/{INGEST}/data",
    bytes=37 * MIB,
    device="259:2",
    kind="layer",
    digest=DIGEST,
    namespace="k8s.io",
    total_bytes=212 * MIB + 4096,
    started_wall_ns=WALL_NS - 61 * S,
)
READ = BlobFile(
    id=OTHER,
    unpacking=True,
    path=f"{STORE}/blobs/{OTHER.replace(':', '/')}",
    device="259:2",
    kind="layer",
    digest=OTHER,
    total_bytes=80 * MIB,
)
SILENT = Pull(
    file=LAYER,
    phase=Phase.DOWNLOAD,
    begun_boottime_ns=NOW_NS - 61 * S,
    moved_boottime_ns=NOW_NS - 47 * S,
    stalled=True,
    cause=Cause.SILENT,
    disks=("nvme0n1",),
    meanwhile=Meanwhile(
        still_seconds=47.0,
        silent_seconds=46.0,
        slowest_device="nvme0n1",
        slowest_op=Op.FLUSH,
        slowest_seconds=0.0084,
        cause=Cause.SILENT,
    ),
)
UNPACKED = Pull(
    file=READ,
    phase=Phase.UNPACK,
    begun_boottime_ns=NOW_NS - 9 * S,
    moved_boottime_ns=NOW_NS - 1 * S,
    disks=("nvme0n1",),
    meanwhile=Meanwhile(still_seconds=2.0),
)
GIVEN_UP = EndedPull(
    pull=replace(
        SILENT,
        file=replace(LAYER, id="5" * 64, digest=OTHER, bytes=12 * MIB, total_bytes=80 * MIB),
        begun_boottime_ns=NOW_NS - 700 * S,
        moved_boottime_ns=NOW_NS - 500 * S,
        meanwhile=Meanwhile(
            still_seconds=100.0,
            silent_seconds=3.0,
            slowest_device="nvme0n1",
            slowest_op=Op.WRITE,
            slowest_seconds=2.9,
            cause=Cause.DISK,
        ),
    ),
    ended_boottime_ns=NOW_NS - 400 * S,
    outcome=Outcome.GIVEN_UP,
)
PULLS = PullReport(
    boottime_ns=NOW_NS,
    wall_ns=WALL_NS,
    stalled_after_seconds=30.0,
    pid=998,
    comm="containerd",
    pulls=(SILENT, UNPACKED),
    connections=(connection(4, since_received_seconds=46.0),),
    disks=(ROOT,),
    waiting=(Container(namespace="shop", pod="web-0", pod_uid="uid-of-web-0"),),
    ended=(GIVEN_UP,),
    ends={Outcome.WHOLE: 12, Outcome.GIVEN_UP: 1},
)
