from __future__ import annotations

from agent.state.opening import Opening
from agent.state.position import Numbering
from agent.state.recovery import Recovered
from tests.state.making import SOON

FOUND = Recovered(numbering=Numbering(stream_id="s", first_sequence=1, next_sequence=7))


def test_in_time() -> None:
    """What was found before the agent gave up is what both sides use."""
    opening = Opening()
    assert opening.numbering is None
    assert opening.deliver(FOUND)
    assert opening.wait(SOON) is FOUND
    assert opening.numbering == FOUND.numbering


def test_too_late() -> None:
    """Once the agent has begun a stream of its own, nothing that is found changes its numbers."""
    opening = Opening()
    own = opening.wait(0)
    assert (own.numbering.first_sequence, own.numbering.next_sequence) == (1, 1)
    assert not opening.deliver(FOUND)
    assert opening.numbering == own.numbering
    assert opening.wait(0) is own


def test_failed() -> None:
    """A failure ends the wait at once, and decides as giving up does."""
    opening = Opening()
    opening.fail()
    own = opening.wait(10 * SOON)
    assert own.numbering.stream_id != FOUND.numbering.stream_id
    assert not opening.deliver(FOUND)


def test_failure_after_success() -> None:
    """A disk that fails later changes nothing of what was decided."""
    opening = Opening()
    opening.deliver(FOUND)
    opening.fail()
    assert opening.wait(0) is FOUND
