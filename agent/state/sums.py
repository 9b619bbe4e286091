"""The tables `exits` and `kills`: counters that go on when the events behind them are gone.

Of one boot: at the next all of them begin anew. What has come to nothing is not kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from agent.api.wire import text
from agent.model.exits import ExitCount, Verdict
from agent.model.oom import OOMCount, OOMCounter, OOMSum

TABLES = """
CREATE TABLE IF NOT EXISTS exits (
    boot_id TEXT NOT NULL,
    namespace TEXT NOT NULL,
    pod TEXT NOT NULL,
    container TEXT NOT NULL,
    verdict TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (boot_id, namespace, pod, container, verdict)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kills (
    boot_id TEXT NOT NULL,
    counter TEXT NOT NULL,
    namespace TEXT NOT NULL,
    pod TEXT NOT NULL,
    container TEXT NOT NULL,
    label TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (boot_id, counter, namespace, pod, container, label)
) WITHOUT ROWID;
"""
_EXITS = """
INSERT INTO exits VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (boot_id, namespace, pod, container, verdict)
DO UPDATE SET count = count + excluded.count
"""
_KILLS = """
INSERT INTO kills VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (boot_id, counter, namespace, pod, container, label)
DO UPDATE SET count = count + excluded.count
"""


def add(
    connection: sqlite3.Connection,
    boot_id: str,
    exits: Sequence[ExitCount],
    kills: Sequence[OOMCount],
) -> None:
    """Within the caller's transaction; raises `sqlite3.Error`."""
    deaths = [
        (
            boot_id,
            text(each.namespace),
            text(each.pod),
            text(each.container),
            each.verdict.value,
            each.count,
        )
        for each in exits
    ]
    victims = [
        (
            boot_id,
            each.sum.counter.value,
            text(each.sum.namespace),
            text(each.sum.pod),
            text(each.sum.container),
            text(each.sum.label),
            each.count,
        )
        for each in kills
    ]
    connection.executemany(_EXITS, deaths)
    connection.executemany(_KILLS, victims)
    if any(each.count < 0 for each in exits) or any(each.count < 0 for each in kills):
        forget(connection, boot_id)


def forget(connection: sqlite3.Connection, boot_id: str) -> None:
    """What is of other boots, and what is nothing; raises `sqlite3.Error`."""
    for table in ("exits", "kills"):
        connection.execute(f"DELETE FROM {table} WHERE boot_id != ? OR count <= 0", (boot_id,))


def read_exits(connection: sqlite3.Connection, boot_id: str) -> tuple[ExitCount, ...]:
    """A verdict that this version does not know is left out."""
    rows = connection.execute(
        "SELECT namespace, pod, container, verdict, count FROM exits WHERE boot_id = ?", (boot_id,)
    )
    known = {verdict.value: verdict for verdict in Verdict}
    return tuple(
        ExitCount(
            namespace=namespace, pod=pod, container=container, verdict=known[verdict], count=count
        )
        for namespace, pod, container, verdict, count in rows
        if verdict in known
    )


def read_kills(connection: sqlite3.Connection, boot_id: str) -> tuple[OOMCount, ...]:
    """A counter that this version does not know is left out."""
    rows = connection.execute(
        "SELECT counter, namespace, pod, container, label, count FROM kills WHERE boot_id = ?",
        (boot_id,),
    )
    known = {counter.value: counter for counter in OOMCounter}
    return tuple(
        OOMCount(
            sum=OOMSum(
                counter=known[counter],
                namespace=namespace,
                pod=pod,
                container=container,
                label=label,
            ),
            count=count,
        )
        for counter, namespace, pod, container, label, count in rows
        if counter in known
    )
