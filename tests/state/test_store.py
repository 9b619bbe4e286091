from __future__ import annotations

import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.model.event import EventKind
from agent.model.exits import ExitCount, Verdict
from agent.model.oom import OOMCount, OOMCounter, OOMSum
from agent.state import schema
from agent.state.batch import Batch
from agent.state.opener import opener
from agent.state.position import Numbering, Span
from agent.state.reader import read_page
from agent.state.setaside import asides
from agent.state.store import Store
from agent.state.trouble import StoreError, Trouble
from tests.state.making import (
    BOOT,
    Hands,
    amended,
    incident,
    kept,
    meta,
    note,
    record,
    recorded,
    records,
    rows,
    stored,
)

STREAM = Numbering(stream_id="s", first_sequence=1, next_sequence=1)


def _open(
    path: Path, *, max_bytes: int = 1 << 20, age: float = 1e9, hands: Hands | None = None
) -> Store:
    clocks = (hands or Hands()).clocks
    return Store.open(path, max_bytes=max_bytes, max_age_seconds=age, boot_id=BOOT, clocks=clocks)


def _opened(path: Path, hands: Hands | None = None) -> tuple[Store, str]:
    clocks = (hands or Hands()).clocks
    return opener(path, max_bytes=1 << 20, max_age_seconds=1e9, boot_id=BOOT, clocks=clocks)(False)


def _filled(path: Path, count: int = 100) -> None:
    store = _open(path)
    store.write(Batch(records=records(range(1, count + 1)), checkpoint=b"c"), STREAM)
    store.close()


def test_columns(tmp_path: Path) -> None:
    """A row says what people query, and holds the event as it goes over the wire."""
    path = tmp_path / "journal.db"
    store = _open(path)
    event = record(1, recorded(7), ns=5)
    store.write(Batch(records=[event]), STREAM)
    store.close()
    (row,) = rows(path, "SELECT * FROM events")
    assert row[1:] == tuple(event[1:])
    assert row[6:10] == ("shop", "uid-0", "app", "/kubepods/web")
    assert rows(path, "PRAGMA user_version") == [(1,)]
    assert path.stat().st_mode & 0o777 == 0o600


def test_events_and_checkpoint_are_one(tmp_path: Path) -> None:
    """If the events of a batch cannot be stored, its checkpoint and its drops are not either."""
    path = tmp_path / "journal.db"
    store = _open(path)
    store.write(Batch(records=records([1]), checkpoint=b"one"), STREAM)
    broken = record(2)._replace(payload=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError) as caught:
        store.write(Batch(records=[broken], checkpoint=b"two", dropped=5), STREAM)
    assert caught.value.trouble is Trouble.FAILED
    assert (meta(path, "checkpoint"), meta(path, "dropped"), len(stored(path))) == (b"one", None, 1)
    store.write(Batch(records=records([2]), checkpoint=b"three", dropped=5), STREAM)
    assert (meta(path, "checkpoint"), meta(path, "dropped")) == (b"three", 5)
    store.close()


def test_no_event_twice(tmp_path: Path) -> None:
    """A batch that is written again, for nobody knows whether it was committed, changes nothing."""
    path = tmp_path / "journal.db"
    store = _open(path)
    batch = Batch(records=records([1, 2]), dropped=3)
    store.write(batch, STREAM)
    store.write(batch, STREAM)
    assert stored(path) == [("s", 1), ("s", 2)]
    assert meta(path, "dropped") == 3
    assert store.figures().events == 2
    store.close()


def test_new_file(tmp_path: Path) -> None:
    """A file that did not exist begins a stream at 1."""
    store = _open(tmp_path / "journal.db")
    found = store.recover(tail_events=9, max_incidents=9)
    assert (found.numbering.first_sequence, found.numbering.next_sequence) == (1, 1)
    assert (found.tail, found.checkpoint, found.incidents, found.spans) == ((), None, (), ())
    store.close()


def test_clean_close(tmp_path: Path) -> None:
    """A file that was closed in order goes on with its stream, behind numbers that were dropped."""
    path = tmp_path / "journal.db"
    store = _open(path)
    store.write(Batch(records=records([5, 6]), checkpoint=b"c"), STREAM)
    numbering = Numbering(stream_id="s", first_sequence=1, next_sequence=9)
    store.close_clean(numbering)
    store = _open(path)
    found = store.recover(tail_events=1, max_incidents=9)
    assert found.numbering == numbering
    assert found.spans == (Span(stream_id="s", first=1, last=6),)
    assert found.tail == tuple(kept([6]))
    assert found.checkpoint == b"c"
    store.close()


def test_unclean_close(tmp_path: Path) -> None:
    """A file that was not closed begins a new stream behind the last number that was stored."""
    path = tmp_path / "journal.db"
    store = _open(path)
    store.write(Batch(records=records([5, 6])), STREAM)
    store.close_clean(Numbering(stream_id="s", first_sequence=1, next_sequence=7))
    _open(path).close()
    store = _open(path)
    found = store.recover(tail_events=9, max_incidents=9)
    assert found.numbering.stream_id != "s"
    assert (found.numbering.first_sequence, found.numbering.next_sequence) == (7, 7)
    assert found.spans == (Span(stream_id="s", first=1, last=6),)
    store.close()


def test_marks_reach_the_platter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both marks, unclean and clean, are committed with fsync; what is in between is not."""
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(where: str, uri: bool, isolation_level: None) -> sqlite3.Connection:
        connection = connect(where, uri=uri, isolation_level=isolation_level)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    store = _open(tmp_path / "journal.db")
    store.write(Batch(records=records([1]), checkpoint=b"c"), STREAM)
    store.close_clean(STREAM)
    marks = {"'clean', 0": "unclean", "'checkpoint'": "write", "'clean', 1": "clean"}
    modes: dict[str, str] = {}
    mode = ""
    for statement in statements:
        if statement.startswith("PRAGMA synchronous = "):
            mode = statement.split()[-1]
        modes |= {name: mode for mark, name in marks.items() if mark in statement}
    assert modes == {"unclean": "FULL", "write": "NORMAL", "clean": "FULL"}


def test_nothing_is_mapped(tmp_path: Path) -> None:
    """No page of the journal's files is in our memory, where a hung disk would hold all of it, and
    a read beside an open transaction goes without as well.
    """
    path = tmp_path / "journal.db"
    store = _open(path)
    store.write(Batch(records=records([1])), STREAM)
    store._connection.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(read_page, path, None, 9).result()
    assert [event.sequence for event in page] == [1]
    reader = schema.read_only(path)
    assert reader.execute("SELECT count(*) FROM events").fetchone() == (1,)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["journal.db", "journal.db-wal"]
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM events")
    reader.close()
    store.close()


def test_latest_revisions(tmp_path: Path) -> None:
    """Of each incident the latest revision is found, the newest incidents first to be kept."""
    store = _open(tmp_path / "journal.db")
    kinds: list[EventKind] = [
        recorded(1),
        recorded(2),
        amended(1, 2),
        note(1),
        recorded(3),
        amended(2, 2),
    ]
    stored = [record(n, kind) for n, kind in enumerate(kinds, 1)]
    store.write(Batch(records=stored, checkpoint=b"c", claimed=6), STREAM)
    everything = store.recover(tail_events=9, max_incidents=9).incidents
    assert everything == (incident(1, 2), incident(3), incident(2, 2))
    assert store.recover(tail_events=9, max_incidents=2).incidents == everything[1:]
    store.close()


def test_event_that_cannot_be_read(tmp_path: Path) -> None:
    """A payload that is no event is left out and counted; the others are found."""
    store = _open(tmp_path / "journal.db")
    garbage = record(2, recorded(2))._replace(payload=b"\xff\xff")
    events = [record(1, recorded(1)), garbage, record(3)]
    store.write(Batch(records=events, checkpoint=b"c", claimed=3), STREAM)
    found = store.recover(tail_events=9, max_incidents=9)
    assert [event.sequence for event in found.tail] == [1, 3]
    assert [i.id for i in found.incidents] == [incident(1).id]
    assert found.undecodable == 1
    store.close()


def _garbage(path: Path) -> None:
    with path.open("r+b") as file:
        for page in range(1, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(os.urandom(64))


def _no_database(path: Path) -> None:
    path.write_bytes(b"once upon a time " * 1000)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def _stub(path: Path) -> None:
    os.truncate(path, 50)


def _other_tables(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE cats (name)")
    connection.close()


def _our_version_other_tables(path: Path) -> None:
    _other_tables(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 1")
    connection.close()


@pytest.mark.parametrize(
    "damage", [_garbage, _no_database, _cut, _stub, _other_tables, _our_version_other_tables]
)
def test_corrupt_file(tmp_path: Path, damage: object) -> None:
    """A file that is no sound journal is set aside as it is, and a new one begins."""
    path = tmp_path / "journal.db"
    _filled(path)
    damage(path)  # type: ignore[operator]
    content = path.read_bytes()
    store, text = _opened(path)
    (aside,) = asides(path)
    assert aside.read_bytes() == content
    assert aside.name == "journal.db.corrupt-19700112T134640.000000Z"
    assert str(aside) in text
    store.write(Batch(records=records([1])), STREAM)
    assert stored(path) == [("s", 1)]
    store.close()


def test_log_goes_with_its_file(tmp_path: Path) -> None:
    """A corrupt file is set aside together with its write-ahead log."""
    path = tmp_path / "journal.db"
    store = _open(path)
    store.write(Batch(records=records([1])), STREAM)
    for part in ("", "-wal"):
        shutil.copy(f"{path}{part}", f"{tmp_path / 'copy.db'}{part}")
    store.close()
    copy = tmp_path / "copy.db"
    log = Path(f"{copy}-wal").read_bytes()
    copy.write_bytes(b"x" * 4096)
    store, _ = _opened(copy)
    store.close()
    (aside,) = asides(copy)
    assert Path(f"{aside}-wal").read_bytes() == log


def test_few_lie_aside(tmp_path: Path) -> None:
    """Of the files that were set aside the newest three are kept."""
    path, hands = tmp_path / "journal.db", Hands()
    for number in range(5):
        path.write_bytes(b"%d" % number * 4096)
        store, _ = _opened(path, hands)
        store.close()
        hands.wall_ns += 1_000_000_000
    assert [aside.read_bytes()[:1] for aside in asides(path)] == [b"2", b"3", b"4"]


def test_one_second_one_clock_back(tmp_path: Path) -> None:
    """The file that was set aside last is kept, also when the clock gives it no newer name."""
    path, hands = tmp_path / "journal.db", Hands()
    for number in range(5):
        path.write_bytes(b"%d" % number * 4096)
        store, _ = _opened(path, hands)
        store.close()
        hands.wall_ns -= number * 1_000_000_000
    assert len(asides(path)) == 3
    assert b"4" in [aside.read_bytes()[:1] for aside in asides(path)]


def test_newer_schema(tmp_path: Path) -> None:
    """A file of a newer version is refused with a message, and not touched."""
    path = tmp_path / "journal.db"
    _filled(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    content, modified = path.read_bytes(), path.stat().st_mtime_ns
    with pytest.raises(
        StoreError, match=r"newer nodewitness \(schema 2, known here: 1\)"
    ) as caught:
        _opened(path)
    assert caught.value.trouble is Trouble.REFUSED
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (content, modified)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["journal.db"]


def test_newer_schema_in_the_log_alone(tmp_path: Path) -> None:
    """A newer version that was killed right after it changed the schema is seen as well."""
    path = tmp_path / "journal.db"
    store = _open(path)
    store._connection.execute("PRAGMA user_version = 2")
    copy = tmp_path / "copy.db"
    for part in ("", "-wal"):
        shutil.copy(f"{path}{part}", f"{copy}{part}")
    store.close()
    content = copy.read_bytes(), Path(f"{copy}-wal").read_bytes()
    with pytest.raises(StoreError) as caught:
        _opened(copy)
    assert caught.value.trouble is Trouble.REFUSED
    assert (copy.read_bytes(), Path(f"{copy}-wal").read_bytes()) == content


def test_size_is_bounded(tmp_path: Path) -> None:
    """Far more than fits is stored: the file with its log stays in its bound, the oldest go."""
    path = tmp_path / "journal.db"
    store, largest = _open(path), 0
    for first in range(1, 20_001, 100):
        batch = [record(n, note(n, size=200)) for n in range(first, first + 100)]
        store.write(Batch(records=batch), STREAM)
        store.tidy()
        largest = max(largest, store.figures().bytes)
    figures = store.figures()
    assert 1 << 19 < largest <= 1 << 20
    assert figures.last_sequence == 20_000
    held = [sequence for _, sequence in stored(path)]
    assert held == list(range(figures.first_sequence, 20_001))
    assert figures.events == len(held) > 1000
    store.close()


def test_one_large_append_makes_its_room(tmp_path: Path) -> None:
    """An append that meets the bound takes the room of the oldest events at once."""
    path = tmp_path / "journal.db"
    store = _open(path)
    for first in range(1, 2001, 100):
        batch = [record(n, note(n, size=200)) for n in range(first, first + 100)]
        store.write(Batch(records=batch), STREAM)
    store.write(Batch(records=[record(2001, note(1, size=150_000))]), STREAM)
    assert stored(path)[-1] == ("s", 2001)
    assert stored(path)[0] != ("s", 1)
    store.close()


def test_smaller_bound(tmp_path: Path) -> None:
    """When the bound was lowered, the file is pruned and shrinks, step by step."""
    path = tmp_path / "journal.db"
    store = _open(path, max_bytes=8 << 20)
    store.write(Batch(records=[record(n, note(n, size=500)) for n in range(1, 6001)]), STREAM)
    store.close()
    assert path.stat().st_size > 3 << 20
    store = _open(path)
    steps = 0
    while store.tidy():
        steps += 1
    assert steps > 10
    assert store.figures().bytes <= 1 << 20
    store.close()
    assert path.stat().st_size < 1 << 20
    assert stored(path)[-1] == ("s", 6000)


def test_age(tmp_path: Path) -> None:
    """Of this boot, events go by the clock since boot; a wall clock that jumps ages nothing."""
    hands = Hands()
    path = tmp_path / "journal.db"
    store = _open(path, age=60, hands=hands)
    old, new = hands.boottime_ns - 61 * 10**9, hands.boottime_ns - 59 * 10**9
    batch = [record(1, ns=old), record(2, ns=new)]
    batch.append(record(3, ns=old))  # not the oldest by number: it stays until 2 goes
    store.write(Batch(records=batch), STREAM)
    hands.wall_ns += 10**18
    while store.tidy():
        pass
    assert stored(path) == [("s", 2), ("s", 3)]
    hands.boottime_ns += 10**10
    while store.tidy():
        pass
    assert (stored(path), store.figures().events) == ([], 0)
    store.close()


def test_age_of_earlier_boots(tmp_path: Path) -> None:
    """Events of another boot have only the wall clock."""
    hands = Hands()
    path = tmp_path / "journal.db"
    store = _open(path, age=60, hands=hands)
    now = hands.wall_ns
    batch = [record(1, boot="x", ns=now - 61 * 10**9), record(2, boot="x", ns=now - 59 * 10**9)]
    store.write(Batch(records=batch), STREAM)
    hands.boottime_ns = 0
    while store.tidy():
        pass
    assert stored(path) == [("s", 2)]
    store.close()


def test_streams_are_bounded(tmp_path: Path) -> None:
    """Streams of which nothing is held any more are forgotten, but for the latest of them."""
    hands = Hands()
    path = tmp_path / "journal.db"
    store = _open(path, age=60, hands=hands)
    for number in range(1, 101):
        name = f"s{number:03}"
        event = record(number, stream=name, ns=hands.boottime_ns)
        numbering = Numbering(stream_id=name, first_sequence=number, next_sequence=number)
        store.write(Batch(records=[event]), numbering)
    hands.boottime_ns += 61 * 10**9
    last = Numbering(stream_id="s100", first_sequence=100, next_sequence=101)
    store.write(Batch(records=[record(101, stream="s100", ns=hands.boottime_ns)]), last)
    while store.tidy():
        pass
    names = [span.stream_id for span in store.recover(tail_events=0, max_incidents=0).spans]
    assert names == [f"s{number:03}" for number in range(37, 101)]
    store.close()


def test_file_was_removed(tmp_path: Path) -> None:
    """A file that somebody removed or replaced is noticed, not written to for nobody."""
    path = tmp_path / "journal.db"
    store = _open(path)
    path.unlink()
    with pytest.raises(StoreError) as caught:
        store.tidy()
    assert caught.value.trouble is Trouble.FAILED
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="replaced"):
        store.tidy()
    store.close()


def exits(count: int, pod: str = "web") -> ExitCount:
    return ExitCount(
        namespace="shop", pod=pod, container="app", verdict=Verdict.CRASHED, count=count
    )


def test_the_counter_of_deaths(tmp_path: Path) -> None:
    """It rises with the events that it counts, once, and outlives them; of another boot it is not
    read, and what was given up is not kept.
    """
    path = tmp_path / "journal.db"
    store = _open(path)
    for _ in range(2):  # the second is a repetition
        store.write(Batch(records=records([1]), exits=[exits(2), exits(3, "b\udcff")]), STREAM)
    store.write(Batch(records=records([2]), exits=[exits(5)]), STREAM)
    store.close()
    store = _open(path)
    found = store.recover(tail_events=1, max_incidents=1).exits
    assert {each.pod: each.count for each in found} == {"web": 7, "b\\xff": 3}
    store.write(Batch(exits=[exits(-7)]), STREAM)
    (left,) = store.recover(tail_events=1, max_incidents=1).exits
    assert left.pod == "b\\xff"
    store.close()
    other = Store.open(
        path, max_bytes=1 << 20, max_age_seconds=1e9, boot_id="other", clocks=Hands().clocks
    )
    assert other.recover(tail_events=1, max_incidents=1).exits == ()
    other.close()
    assert rows(path, "SELECT * FROM exits") == []


def kills(count: int, counter: OOMCounter = OOMCounter.KILLS) -> OOMCount:
    key = OOMSum(counter=counter, namespace="shop", pod="web", container="app", label="died")
    return OOMCount(sum=key, count=count)


def test_the_counters_of_kills(tmp_path: Path) -> None:
    """As the counter of deaths; one of a newer version is not read."""
    path = tmp_path / "journal.db"
    store = _open(path)
    waits = OOMCounter.WAITING
    for _ in range(2):  # the second is a repetition
        store.write(Batch(records=records([1]), kills=[kills(2), kills(1, waits)]), STREAM)
    store.write(Batch(kills=[kills(5), kills(-1, waits)]), STREAM)
    store.close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO kills SELECT boot_id, 'new', '', '', '', '', 1 FROM kills")
    connection.commit()
    connection.close()
    store = _open(path)
    assert store.recover(tail_events=1, max_incidents=1).kills == (kills(7),)
    store.close()
    other = Store.open(
        path, max_bytes=1 << 20, max_age_seconds=1e9, boot_id="other", clocks=Hands().clocks
    )
    assert other.recover(tail_events=1, max_incidents=1).kills == ()
    other.close()
    assert rows(path, "SELECT * FROM kills") == []


def test_a_journal_of_an_older_version(tmp_path: Path) -> None:
    """Without the counters' tables: they are made."""
    path = tmp_path / "journal.db"
    _filled(path)
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE exits")
    connection.execute("DROP TABLE kills")
    connection.close()
    store = _open(path)
    assert store.recover(tail_events=1, max_incidents=1).exits == ()
    store.close()
