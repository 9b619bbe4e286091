"""Two agents on one host: neither takes the other's trace instance for stale."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.host.absence import SourceAbsent
from agent.host.trace_instance import TraceInstance, list_instances, remove_instance
from agent.host.trace_ownership import OWN_ATTEMPTS, owned, remove_stale_instances
from agent.host.tracefs import Tracefs
from agent.model.absence import Absence

Make = Callable[[], TraceInstance]


def test_what_nobody_owns_is_stale(make_instance: Make, tracefs: Tracefs, trace_name: str) -> None:
    """An instance goes when its owner is gone, not before, and not if it is to be kept."""
    instance = make_instance()
    instance.own()
    assert remove_stale_instances(tracefs, trace_name, ()) == []
    instance.close()
    assert remove_stale_instances(tracefs, trace_name, (trace_name,)) == []
    assert list_instances(tracefs, trace_name) == [trace_name]
    assert remove_stale_instances(tracefs, trace_name, ()) == [trace_name]
    assert list_instances(tracefs, trace_name) == []


def test_what_is_read_is_not_stale(make_instance: Make, tracefs: Tracefs, trace_name: str) -> None:
    """An agent of a version that does not lock reads its pipe, and that is proof too."""
    instance = make_instance()
    instance.open_pipe()
    assert remove_stale_instances(tracefs, trace_name, ()) == []
    instance.close()
    assert remove_stale_instances(tracefs, trace_name, ()) == [trace_name]


def test_one_owner_alone(make_instance: Make) -> None:
    """Who comes second is told so, and can own it once the first has closed it."""
    first, second = make_instance(), make_instance()
    first.own()
    with pytest.raises(SourceAbsent, match="another nodewitness has it") as raised:
        second.own()
    assert raised.value.absent.absence is Absence.FAILED
    first.close()
    second.own()


def test_taken_away_before_it_was_owned(
    make_instance: Make, tracefs: Tracefs, trace_name: str
) -> None:
    """Another agent's tidying came between the making and the owning: it is made again."""
    made = 0

    def make() -> TraceInstance:
        nonlocal made
        made += 1
        instance = make_instance()
        if made < OWN_ATTEMPTS:
            assert remove_stale_instances(tracefs, trace_name, ()) == [trace_name]
        return instance

    instance = owned(make)
    assert made == OWN_ATTEMPTS
    instance.start()
    assert instance.is_on()
    assert remove_stale_instances(tracefs, trace_name, ()) == []


def test_the_attempts_are_bounded(make_instance: Make, tracefs: Tracefs, trace_name: str) -> None:
    """An instance that is always taken away is an absence with a reason, not a loop."""

    def make() -> TraceInstance:
        instance = make_instance()
        remove_instance(tracefs, trace_name)
        return instance

    with pytest.raises(SourceAbsent, match=trace_name):
        owned(make)
