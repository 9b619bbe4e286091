"""What the tests of nodectl share: a fake agent, and a way to run the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.nodectl.main import cli
from tests.nodectl.fake_agent import FakeAgent, serving

Run = Callable[..., Result]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[FakeAgent]:
    """A fake agent that is up."""
    with serving(FakeAgent(tmp_path / "agent.sock")) as fake:
        yield fake


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """nodectl on the fake agent's socket, whether there is one or not."""

    def invoke(*arguments: str) -> Result:
        socket = str(tmp_path / "agent.sock")
        return CliRunner().invoke(cli, arguments, env={"NODEWITNESS_SOCKET": socket})

    return invoke
