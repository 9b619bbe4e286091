"""`nodectl conditions` and `nodectl explain`, and conditions at the top of the status."""

from __future__ import annotations

import json

import pytest

from agent.api.v1 import condition_pb2, node_agent_pb2, oom_pb2
from agent.model.catalogue import CATALOGUE
from agent.nodectl.explain import explained, overview
from agent.nodectl.show.conditions import report
from tests.nodectl import examples
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent

UNKNOWN = condition_pb2.CONDITION_STATUS_UNKNOWN


def listed(*conditions: condition_pb2.Condition) -> node_agent_pb2.ListConditionsResponse:
    return node_agent_pb2.ListConditionsResponse(conditions=conditions)


def test_none(agent: FakeAgent, run: Run) -> None:
    """Nothing wrong is said in words, and exits 0."""
    result = run("conditions")
    assert result.exit_code == 0
    always = [kind for kind in CATALOGUE if not kind.setting]
    words = f"on this node: none of {len(always)} is True, and none Unknown."
    assert result.output == f"No conditions {words}\n"


def test_a_true_one_is_a_finding(agent: FakeAgent, run: Run) -> None:
    agent.conditions = listed(*examples.conditions())
    assert run("conditions").exit_code == 1
    assert run("conditions", "-o", "yaml").exit_code == 1
    result = run("conditions", "-o", "json")
    assert result.exit_code == 1
    assert len(json.loads(result.output)["conditions"]) == 3


def test_unknown_alone_is_none(agent: FakeAgent, run: Run) -> None:
    """What is not known is shown, and is no finding."""
    agent.conditions = listed(examples.conditions()[2])
    result = run("conditions")
    assert result.exit_code == 0
    assert result.output.startswith("UNKNOWN   RuntimeDisagrees")


def test_filters_are_asked(agent: FakeAgent, run: Run) -> None:
    """Names in any case, and every option, reach the agent, and are said of an empty list."""
    result = run(
        *("conditions", "hiddenoomkill", "-n", "shop", "--pod", "web-0", "--severity", "critical"),
        *("--severity", "warning", "--status", "true", "--all"),
    )
    assert agent.requests[-1] == node_agent_pb2.ListConditionsRequest(
        types=["HiddenOOMKill"],
        namespace="shop",
        pod="web-0",
        severities=[condition_pb2.SEVERITY_CRITICAL, condition_pb2.SEVERITY_WARNING],
        statuses=[condition_pb2.CONDITION_STATUS_TRUE],
        all=True,
    )
    assert result.output == (
        "No conditions that are true of severity critical or warning of type HiddenOOMKill of pod "
        "web-0 in namespace shop.\n"
    )


def test_hostile_names() -> None:
    """What a container chose cannot steer the terminal."""
    bad = oom_pb2.Container(namespace="n\x1b[2J", pod="p\nq", name="c")
    shown = report(
        listed(examples.condition("HiddenOOMKill", 1, "worker\x07[1] died", names=bad)),
        examples.NOW_NS,
        "",
        wide=True,
    )
    assert all(line.isprintable() for line in shown.splitlines())
    assert r"n\x1b[2J/p\x0aq c: worker\x07[1] died" in " ".join(shown.split())


def test_what_was_cut_is_said() -> None:
    answer = listed(examples.conditions()[0])
    answer.truncated, answer.left_out = True, 7
    shown = report(answer, examples.NOW_NS, "")
    assert "More matched than fit" in shown
    assert "7 more findings had no room: raise conditions.max." in shown


def test_false_and_what_a_newer_agent_says() -> None:
    odd = examples.condition("New", 1, "so")
    odd.severity = 77  # type: ignore[assignment]
    false = examples.condition("Old", 1, "so", status=condition_pb2.CONDITION_STATUS_FALSE)
    shown = report(listed(odd, false), examples.NOW_NS, "")
    assert [line.split()[0] for line in shown.splitlines()] == ["?", "false"]


def test_status_exits_1_for_a_critical_one(agent: FakeAgent, run: Run) -> None:
    """The counts decide; the list is shown."""
    assert run("status").exit_code == 0
    agent.status.status.conditions.critical = 1
    agent.conditions = listed(*examples.conditions())
    result = run("status")
    assert result.exit_code == 1
    head, *rest = result.output.splitlines()
    assert "1 critical, 1 warning, 1 unknown" in " ".join((head, *rest[:1]))
    assert any(line.startswith("CRITICAL  HiddenOOMKill") for line in rest)


def test_status_folds_what_is_unknown_for_one_reason(agent: FakeAgent, run: Run) -> None:
    """A blind source makes one line, however many conditions need it."""
    agent.status.status.conditions.unknown = 2
    agent.conditions = listed(
        *(
            examples.condition(name, 20, "cri is down: hangs", status=UNKNOWN)
            for name in ("RuntimeDisagrees", "HiddenOOMKill")
        )
    )
    lines = run("status").output.splitlines()
    assert "2 unknown" in lines[0] + lines[1]
    [line] = [line for line in lines if line.startswith("UNKNOWN")]
    assert "HiddenOOMKill, RuntimeDisagrees: cri is down: hangs" in line


def test_status_of_an_older_agent(agent: FakeAgent, run: Run) -> None:
    """It knows no conditions, and is not asked for them."""
    assert run("status").exit_code == 0
    assert len(agent.requests) == 1


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.name)
def test_explain_each(run: Run, kind: object) -> None:
    """Without an agent, in lines that fit."""
    assert kind in CATALOGUE
    name = getattr(kind, "name", "")
    result = run("explain", name.upper())
    assert result.exit_code == 0
    assert result.output.startswith(f"{name} · ")
    assert max(map(len, result.output.splitlines())) < 100


def test_explain_lists_all(run: Run) -> None:
    shown = run("explain").output
    assert shown == overview() + "\n"
    assert all(kind.name in shown for kind in CATALOGUE)
    assert explained(CATALOGUE[0])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("HidenOOMKill", "HiddenOOMKill"),
        ("imminent", "EvictionImminent"),
        ("xyz", "`nodectl explain` lists them all"),
    ],
)
def test_unknown_names(run: Run, typed: str, meant: str) -> None:
    """A near name is suggested; it is a mistake of the command line."""
    for command in ("explain", "conditions"):
        result = run(command, typed)
        assert result.exit_code == 2
        assert meant in result.output
