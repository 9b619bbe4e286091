"""agent.ledger.deaths"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.ledger.deaths import EXITS_PER_PID, SIGNALS_PER_PID, DeathBook
from agent.model.death import Death
from tests.ledger.endings import process_exit, signal_sent

SECOND = 1_000_000_000
PID, OTHER = 829, 830


def test_an_exit_and_the_signals_before_it() -> None:
    """In the order of their times, whatever was heard first."""
    book = DeathBook()
    term, kill = signal_sent(PID, SECOND, signal=15), signal_sent(PID, 31 * SECOND)
    ended = process_exit(PID, 31 * SECOND + 5, signal=9)
    for sent in (kill, signal_sent(OTHER, SECOND), term):
        book.sent(sent)
    book.ended(ended)
    assert book.death(PID, 30 * SECOND) == Death(exit=ended, signals=(term, kill))


def test_the_question_may_come_from_another_clock() -> None:
    """kmsg may date a kill a little later than the exit that followed."""
    book = DeathBook()
    ended = process_exit(PID, 10 * SECOND, signal=9)
    book.ended(ended)
    assert book.death(PID, 10 * SECOND + SECOND // 2) == Death(exit=ended, signals=())


def test_nothing_is_known() -> None:
    """None, not a death without an exit and without signals."""
    book = DeathBook()
    book.ended(process_exit(PID, SECOND))
    book.sent(signal_sent(PID, SECOND))
    assert book.death(OTHER, SECOND) is None
    assert book.death(PID, 60 * SECOND) is None


def test_signals_without_an_exit() -> None:
    """It lives on, or the process connector is absent: who sent what is still known."""
    book = DeathBook()
    sent = signal_sent(PID, SECOND, signal=15)
    book.sent(sent)
    assert book.death(PID, 2 * SECOND) == Death(exit=None, signals=(sent,))


def test_a_pid_is_used_again() -> None:
    """Each life has its own exit and its own signals."""
    book = DeathBook()
    lives = []
    for at in (100, 200, 300):
        sent = signal_sent(PID, at * SECOND)
        ended = process_exit(PID, at * SECOND + 1, signal=9)
        book.sent(sent)
        book.ended(ended)
        lives.append(Death(exit=ended, signals=(sent,)))
    assert [book.death(PID, at * SECOND) for at in (50, 150, 300)] == lives


def test_of_many_signals_to_one_process_the_first_and_the_last_stay() -> None:
    """Whoever sends SIGTERM in a loop does not push the others out."""
    book = DeathBook()
    book.sent(signal_sent(OTHER, 1))
    for at in range(10 * SIGNALS_PER_PID):
        book.sent(signal_sent(PID, at))
    death = book.death(PID, 0)
    assert death is not None
    half = SIGNALS_PER_PID // 2
    last = 10 * SIGNALS_PER_PID
    expected = [*range(half), *range(last - half, last)]
    assert [signal.boottime_ns for signal in death.signals] == expected
    assert book.signals == SIGNALS_PER_PID + 1
    assert book.death(OTHER, 0) is not None


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=200))
def test_bounded(heard: list[tuple[int, bool]]) -> None:
    """Never more than it may hold, and what was heard last is always there."""
    book = DeathBook(max_signals=40, max_exits=10)
    for at, (pid, is_exit) in enumerate(heard):
        if is_exit:
            book.ended(process_exit(pid, at * 10 * SECOND))
        else:
            book.sent(signal_sent(pid, at * 10 * SECOND))
        assert book.death(pid, at * 10 * SECOND) is not None
    assert book.signals <= 40
    assert book.exits <= 10
    assert book.exits <= 9 * EXITS_PER_PID


def test_killed_and_not_ended() -> None:
    """The first SIGKILL, if no exit came after it: not of those that ended, nor of the young."""
    book = DeathBook()
    for pid in (PID, OTHER, 831):
        book.sent(signal_sent(pid, 5 * SECOND, signal=15))
        book.sent(signal_sent(pid, 10 * SECOND))
        book.sent(signal_sent(pid, 12 * SECOND))
    book.sent(signal_sent(832, 20 * SECOND))
    book.ended(process_exit(OTHER, 10 * SECOND, signal=9))
    book.ended(process_exit(831, 3 * SECOND))  # who had this pid before
    found = book.unfinished(9, 20 * SECOND)
    assert {pid: sent.boottime_ns for pid, sent in found.items()} == {
        PID: 10 * SECOND,
        OTHER: 12 * SECOND,
        831: 10 * SECOND,
    }
