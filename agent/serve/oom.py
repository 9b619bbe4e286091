"""The metric families of the OOM ledger.

The one with a series per container is not a row but `KILLS`, for it is rendered by hand
(agent.serve.exposition).
"""

from __future__ import annotations

from agent.model.oom import LimitLevel
from agent.serve.exposition import Counter
from agent.serve.row import Samples, counter, gauge, one
from agent.serve.scrape import Scrape

KILLS = Counter(
    name="nodewitness_oom_kills",
    help="Processes of a container that the kernel's OOM killer killed, by what became of the "
    "container. Starts at 0 while the container lives. Without drills.",
)


def _books_balanced(scrape: Scrape) -> Samples:
    books = scrape.status.oom
    return one(None if books.counted is None else books.balanced)


ROWS = (
    counter(
        "oom_incidents",
        "Calls of the kernel's OOM killer, by whose limit fired. Without drills.",
        lambda s: (((level.value,), s.series.incidents.get(level, 0)) for level in LimitLevel),
        labels=("limit",),
    ),
    counter(
        "oom_system_kills",
        "Processes outside pods that the OOM killer killed, by systemd unit or cgroup.",
        lambda s: (((unit,), kills) for unit, kills in s.series.system_kills.items()),
        labels=("unit",),
    ),
    counter(
        "oom_kill_repeats",
        "Kills that the kernel counted a second time for the same process.",
        lambda s: one(s.series.repeats),
    ),
    counter(
        "oom_kills_unattributed",
        "Kills since the agent first ran on this boot that the kernel counted, and no evidence "
        "says whose.",
        lambda s: one(s.series.unattributed),
    ),
    counter(
        "oom_kills_before_start",
        "Kills from before the agent first ran on this boot whose evidence was gone by then.",
        lambda s: one(s.series.before_start),
    ),
    counter(
        "oom_drill_kills",
        "Processes killed by drills of nodectl.",
        lambda s: one(s.series.drill_kills),
    ),
    counter(
        "oom_claims_disbelieved",
        "Lines in kmsg that claim a kill which the kernel neither wrote nor counted.",
        lambda s: one(s.series.disbelieved),
    ),
    counter(
        "runtime_disagreements",
        "Containers of whose end the runtime says otherwise than the kernel.",
        lambda s: (((kind.value,), count) for kind, count in s.series.disagreements.items()),
        labels=("kind",),
    ),
    counter(
        "oom_kills_counted",
        "The kernel's own count of OOM kills since boot; absent while it cannot be read.",
        lambda s: one(s.status.oom.counted),
    ),
    gauge(
        "oom_books_balanced",
        "Whether the kernel's count equals victims, repeats, unattributed and pending kills, none "
        "of which is pending for more than a minute; absent while that count cannot be read.",
        _books_balanced,
    ),
    gauge(
        "oom_kills_pending",
        "Kills that the kernel counted and whose evidence is still awaited.",
        lambda s: one(s.status.oom.pending),
    ),
    counter(
        "oom_series_evicted",
        "Containers whose nodewitness_oom_kills_total was given up, by age or number.",
        lambda s: one(s.series.series_evicted),
    ),
)
