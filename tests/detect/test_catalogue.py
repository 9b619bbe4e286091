"""The catalogue is complete, and every entry has its detector."""

from __future__ import annotations

import re

import pytest

from agent.detect.catalogue import DETECTORS
from agent.engine.board import ON_DEMAND, TELLS
from agent.model.catalogue import CATALOGUE, find
from agent.model.condition import ConditionType


def test_sorted_and_unique() -> None:
    """By name, each once, and one detector for each."""
    names = [kind.name for kind in CATALOGUE]
    assert names == sorted(set(names))
    found = [detector.condition for detector in DETECTORS]
    assert sorted(found, key=lambda kind: kind.name) == list(CATALOGUE)


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.name)
def test_entry_is_complete(kind: ConditionType) -> None:
    """A CamelCase name that no other controller acts on, sentences, and sources that exist."""
    assert re.fullmatch(r"([A-Z]+[a-z]*)+", kind.name)
    assert not kind.name.endswith("Ready")
    for sentence in (kind.fires_when, kind.what_to_do):
        assert sentence[0].isupper() or sentence[0] == "`"
        assert sentence.endswith(".")
    for source in kind.sources:
        assert set(source.split("|")) <= {*TELLS, *(ON_DEMAND if kind.setting else ())}
    assert kind.raise_after_seconds >= 0
    assert kind.clear_after_seconds > 0
    assert kind.lasts_seconds is None or kind.lasts_seconds > 0


def test_find_in_any_case() -> None:
    """`nodectl explain hiddenoomkill` is understood."""
    for kind in CATALOGUE:
        assert find(kind.name.lower()) is kind
    assert find("Nothing") is None
