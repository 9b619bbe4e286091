"""What a restarted ledger goes on from. Committed by the journal together with the events that it
stands for.
"""

from __future__ import annotations

import json

from msgspec import Struct
from msgspec.structs import asdict

from agent.model.absence import ParseError

VERSION = 1


class Checkpoint(Struct, frozen=True, kw_only=True):
    """Sums of one boot. `kmsg_sequence`: every kill of the kernel's log up to here is in them."""

    boot_id: str
    kmsg_sequence: int
    forged_sequence: int  # lines of user space up to here are in `disbelieved`
    first_count: int | None  # vmstat when the agent first ran on this boot
    first_run_ns: int | None  # and when, CLOCK_BOOTTIME
    explained_early: int
    victims: int
    repeats: int
    unplaced: int
    unattributed: int
    before_start: int
    drill_victims: int
    disbelieved: int
    booked: dict[str, int]  # kills by cgroup path, ancestors included

    def encode(self) -> bytes:
        """JSON, for it is small and is read once."""
        return json.dumps({"version": VERSION} | asdict(self), separators=(",", ":")).encode()

    @staticmethod
    def decode(data: bytes) -> Checkpoint:
        """The inverse of encode; ParseError on anything else, also on a newer version."""
        try:
            members = json.loads(data)
            version = members.pop("version")
            point = Checkpoint(**members)
            optional = (point.first_count, point.first_run_ns)
            numbers = [
                value
                for name, value in asdict(point).items()
                if name not in ("boot_id", "booked", "first_count", "first_run_ns")
            ]
            numbers += [*point.booked.values(), *(n for n in optional if n is not None), version]
            sound = type(point.boot_id) is str and all(type(n) is int for n in numbers)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ParseError("a ledger checkpoint", data) from None
        if version != VERSION or not sound:
            raise ParseError(f"a ledger checkpoint of version {VERSION}", data)
        return point
