"""How the writer gets its file: a corrupt one is set aside, and a new one begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.state.batch import Clocks
from agent.state.setaside import set_aside
from agent.state.store import Store
from agent.state.trouble import StoreError, Trouble, store_error


def opener(
    path: Path, *, max_bytes: int, max_age_seconds: float, boot_id: str, clocks: Clocks
) -> Callable[[bool], tuple[Store, str]]:
    """What `Writer` calls, in its own thread: `open_store(suspect)`.

    Gives an open store and, if there was a corrupt one, a note that says where it lies now. Raises
    `StoreError`; never CORRUPT unless the new file is corrupt as well.
    """

    def fresh() -> Store:
        return Store.open(
            path,
            max_bytes=max_bytes,
            max_age_seconds=max_age_seconds,
            boot_id=boot_id,
            clocks=clocks,
        )

    def replaced(why: str) -> tuple[Store, str]:
        try:
            aside = set_aside(path, clocks.wall_ns())
        except OSError as error:
            raise store_error(error, path) from error
        return fresh(), f"the journal was corrupt and lies at {aside}; a new one began ({why})"

    def open_store(suspect: bool) -> tuple[Store, str]:
        if suspect:
            return replaced("a read or a write met damage")
        try:
            return fresh(), ""
        except StoreError as error:
            if error.trouble is not Trouble.CORRUPT:
                raise
            return replaced(error.detail)

    return open_store
