"""OOMBooksUnbalanced: the kernel's count of OOM kills and the ledger's differ, or a kill is left
pending.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.oom import OOM_BOOKS_UNBALANCED
from agent.model.condition import NODE, Evidence, Finding


def _detect(scene: Scene) -> Iterator[Finding]:
    books = scene.books
    if books is None or books.counted is None or books.balanced:
        return
    sides = (
        f"{books.victims} victims + {books.repeats} repeats + {books.unattributed} unattributed"
        f" + {books.pending} pending"
    )
    differ = f"the kernel counted {books.counted} OOM kills, the ledger has {sides}"
    left = f", {books.overdue} of them for more than a minute"
    yield Finding(
        type=OOM_BOOKS_UNBALANCED.name,
        entity=NODE,
        reason="LeftPending" if books.overdue else "CountsDiffer",
        message=differ + left if books.overdue else differ,
        evidence=(
            Evidence(what="oom_kill", value=str(books.counted), source="/proc/vmstat"),
            Evidence(what="the ledger", value=sides, source="the agent"),
        ),
    )


DETECTOR = Detector(condition=OOM_BOOKS_UNBALANCED, detect=_detect)
