"""What the documents show is what is printed, and what they name exists.

Blocks and tables that follow from the code are written by
`NODEWITNESS_WRITE_GOLDEN=1 pytest tests/test_docs.py`; read the diff.
"""

from __future__ import annotations

import importlib.util
import os
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from msgspec.structs import replace

import agent
from agent.config import describe
from agent.engine.announce import opening
from agent.engine.board import TELLS
from agent.host.capabilities import CAPABILITIES
from agent.main import main as daemon
from agent.model.catalogue import CATALOGUE, find
from agent.model.condition import Verity
from agent.model.oom import Attribution, Confidence, LimitLevel
from agent.model.source import SourceHealth, SourceState
from agent.nodectl.exits import MEANING
from agent.nodectl.explain import explained, holds, needs
from agent.nodectl.main import cli
from agent.serve.cadvisor import MEMORY_EVENTS, OOM_EVENTS
from agent.serve.container_series import FAMILIES, LABELS
from agent.serve.exits import EXIT_LABELS, EXITS
from agent.serve.exposition import OUTCOMES
from agent.serve.oom import KILLS
from agent.serve.registry import ScrapeCollector, build_registry
from agent.serve.scrape import Scrape
from agent.serve.statistics import HttpStatistics, TlsStatistics
from tests.lab.__main__ import WELCOME
from tests.lab.storm_table import STORMS, parse_table
from tests.prometheus import found as finding
from tests.prometheus import rules
from tests.serve.cni_sample import CNI
from tests.serve.condition_sample import CONDITIONS
from tests.serve.cpu_sample import CPU
from tests.serve.fault_sample import FAULTS
from tests.serve.heartbeat_sample import HEARTBEAT
from tests.serve.io_sample import BLOCKED, DISKS
from tests.serve.kubelet_sample import KUBELET
from tests.serve.memory_sample import MEMORY
from tests.serve.network_sample import NETWORK
from tests.serve.plumbing_sample import PLUMBING
from tests.serve.pressure_sample import PRESSURE
from tests.serve.pulls_sample import PULLS
from tests.serve.runtime_sample import RUNTIME
from tests.serve.sample import SERIES, STATUS

ROOT = Path(agent.__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
WIDTH = 100
WRITE = bool(os.environ.get("NODEWITNESS_WRITE_GOLDEN"))

_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: Path
    language: str
    tag: str
    text: str


def blocks() -> Iterator[Block]:
    for path in DOCUMENTS:
        for language, tag, text in _BLOCK.findall(path.read_text()):
            yield Block(path, language, tag, text)


def code() -> Iterator[tuple[str, str]]:
    """(document, line) of all that is meant to be typed or named: spans and indented lines."""
    for path in DOCUMENTS:
        text = _BLOCK.sub("", path.read_text())
        for line in text.splitlines():
            found = [line.strip()] if line.startswith("    ") else _SPAN.findall(line)
            yield from ((path.name, words) for words in found)


# What is written by the code


def make_run() -> str:
    """The first lines of the agent on a host with hybrid cgroups and without a runtime."""
    absent = {
        "probe": "this kernel is built without CONFIG_KPROBE_EVENTS",
        "cri": "no socket at /run/containerd/containerd.sock: is containerd running, or set"
        " sources.cri_socket",
        "bundle": "/run/containerd/io.containerd.runtime.v2.task/k8s.io: No such file or directory",
        "pod-logs": "/var/log/pods: No such file or directory",
        "connections": "no process named kubelet or kube-apiserver",
        "pulls": "no process of containerd is known",
        "kubelet": "no process named kubelet",
        "filesystems": "/var/lib/kubelet: No such file or directory",
    }
    sources = tuple(
        SourceHealth(
            name=name,
            tells=tells,
            required=required,
            state=SourceState.ABSENT if name in absent else SourceState.UP,
            since_wall_ns=1,
            detail=absent.get(name, ""),
        )
        for name, (tells, required) in TELLS.items()
    )
    status = replace(
        STATUS,
        identity=replace(STATUS.identity, node="vm", version="0.1.0"),
        host=replace(
            STATUS.host,
            kernel_release="6.18.44-fc-v657",
            cgroup_mode="hybrid",
            containers=0,
            pods=0,
        ),
        sources=sources,
        journal=replace(STATUS.journal, path="/var/lib/nodewitness/journal.db"),
    )
    defaults = {key.name: key.default.strip('"') for key in describe()}
    metrics = f"http://{defaults['serve.metrics_address']}/metrics"
    return "\n".join(opening(status, socket=defaults["serve.socket"], metrics=metrics)) + "\n"


def shown(tag: str) -> str:
    """What stands in a block with this tag."""
    match tag:
        case "make-run":
            return make_run()
        case "lab-welcome":
            return WELCOME
        case _ if tag.startswith("explain-"):
            kind = find(tag.removeprefix("explain-"))
            assert kind is not None, tag
            return explained(kind) + "\n"
        case _ if tag.startswith("found-wide-"):
            return finding.shown(tag.removeprefix("found-wide-"), wide=True)
        case _ if tag.startswith("found-"):
            return finding.shown(tag.removeprefix("found-"))
        case _:
            return (ROOT / "tests" / tag).read_text()


def families() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """(name as a sample has it, type, labels, help) of every family that there can be."""
    yield (
        f"{KILLS.name}_total",
        "counter",
        ("namespace", "pod", "container", "outcome"),
        KILLS.help,
    )
    for each in FAMILIES:
        yield each.name, each.kind.value, LABELS, each.help
    yield f"{EXITS.name}_total", "counter", EXIT_LABELS, EXITS.help
    collector = ScrapeCollector()
    registry = build_registry(collector)
    http = HttpStatistics(last_scrape_seconds=0.1)
    tls = (TlsStatistics(endpoint="grpc", certificate_until=1, client_ca_until=1),)
    collector.now = Scrape(
        status=STATUS,
        series=SERIES,
        http=http,
        tls=tls,
        memory=MEMORY,
        pressure=PRESSURE,
        cni=CNI,
        network=NETWORK,
        heartbeat=HEARTBEAT,
        plumbing=PLUMBING,
        runtime=RUNTIME,
        kubelet=KUBELET,
        cpu=CPU,
        disks=DISKS,
        blocked=BLOCKED,
        faults=FAULTS,
        pulls=PULLS,
        conditions=CONDITIONS,
    )
    for family in registry.collect():
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        labels = tuple(family.samples[0].labels)
        # In the text format an info is a gauge.
        kind = "gauge" if family.type == "info" else family.type
        yield family.name + suffix, kind, labels, family.documentation


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def metrics_table() -> str:
    lines = ["| name | type | labels | meaning |", "| --- | --- | --- | --- |"]
    for name, kind, labels, text in families():
        names = ", ".join(f"`{label}`" for label in labels)
        lines.append(f"| `{name}` | {kind} | {names} | {_cell(text)} |")
    return "\n".join(lines) + "\n"


def cadvisor_table() -> str:
    lines = ["| name | meaning |", "| --- | --- |"]
    lines.append(f"| `{OOM_EVENTS.name}_total` | {_cell(OOM_EVENTS.help)} |")
    lines += [f"| `{each.name}` | {_cell(each.help)} |" for each in MEMORY_EVENTS]
    return "\n".join(lines) + "\n"


def keys_table() -> str:
    lines = ["| key | default | takes | meaning |", "| --- | --- | --- | --- |"]
    for key in describe():
        takes = _cell(key.kind.expected.partition(", written as ")[0])
        takes = takes.partition(", in bytes or written as ")[0]
        lines.append(f"| `{key.name}` | `{key.default}` | {takes} | {_cell(key.meaning)} |")
    return "\n".join(lines) + "\n"


def conditions_table() -> str:
    lines = ["| condition | severity | about | fires when | what to do | needs |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    lines += [
        f"| `{kind.name}` | {kind.severity.value} | {kind.entity.value} | "
        f"{_cell(kind.fires_when)} | {_cell(kind.what_to_do)} | {needs(kind) or '-'} |"
        for kind in CATALOGUE
    ]
    return "\n".join(lines) + "\n"


def holds_table() -> str:
    lines = ["| condition | holds |", "| --- | --- |"]
    lines += [f"| `{kind.name}` | {holds(kind)} |" for kind in CATALOGUE]
    return "\n".join(lines) + "\n"


def alerts_table() -> str:
    lines = ["| alert | severity | fires after | stays for | what it is |"]
    lines.append("| --- | --- | --- | --- | --- |")
    lines += [
        f"| [{alert.name}](#{rules.anchor(alert.name)}) | {alert.labels['severity']} | "
        f"{alert.after or 'at once'} | {alert.stays or '-'} | {alert.annotations['summary']} |"
        for alert in rules.alerts()
    ]
    return "\n".join(lines) + "\n"


def unalerted_table() -> str:
    lines = ["| condition | why it has no alert |", "| --- | --- |"]
    lines += [f"| `{name}` | {why} |" for name, why in rules.WITHOUT.items()]
    return "\n".join(lines) + "\n"


def capabilities_table() -> str:
    lines = ["| capability | needed by | without it |", "| --- | --- | --- |"]
    for each in CAPABILITIES:
        modules = ", ".join(f"`{module}`" for module in each.modules)
        lines.append(f"| `{each.name}` | {modules} | {_cell(each.without)} |")
    return "\n".join(lines) + "\n"


TABLES: dict[str, Callable[[], str]] = {
    "capabilities": capabilities_table,
    "cadvisor": cadvisor_table,
    "metrics": metrics_table,
    "keys": keys_table,
    "conditions": conditions_table,
    "holds": holds_table,
    "alerts": alerts_table,
    "unalerted": unalerted_table,
}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_shown_is_what_is_printed(path: Path) -> None:
    """Tagged blocks and marked tables are, letter for letter, what the code makes."""
    text = path.read_text()

    def block(found: re.Match[str]) -> str:
        language, tag, inside = found.groups()
        if not tag or tag.startswith("real-"):
            return found[0]
        assert WRITE or inside == shown(tag), tag
        return f"```{language} {tag}\n{shown(tag)}```"

    def table(found: re.Match[str]) -> str:
        assert WRITE or found[3] == TABLES[found[2]](), found[2]
        return found[1] + TABLES[found[2]]() + found[4]

    wanted = _TABLE.sub(table, _BLOCK.sub(block, text))
    if WRITE:
        path.write_text(wanted)
    assert wanted == text or WRITE


def test_every_golden_output_is_shown() -> None:
    """Each narrow example output of nodectl stands in a document; the wide table is described."""
    golden = {path.name for path in (ROOT / "tests/nodectl/golden").glob("*.txt")}
    tags = {Path(block.tag).name for block in blocks() if block.tag}
    assert golden - tags == {"oom_table.txt"}
    assert {"make-run", "lab-welcome", "real-drill", "real-oom", "real-metrics"} <= tags


@pytest.mark.parametrize(
    "block", list(blocks()), ids=lambda block: f"{block.document.name}:{block.tag}"
)
def test_width(block: Block) -> None:
    """Outputs fit 99 columns; of the agent's own first lines some do not yet."""
    most = 120 if block.tag == "make-run" else WIDTH
    limit = max(map(len, block.text.splitlines()))
    assert limit < most or block.language == "promql"


def test_captured_drill_has_the_form_of_today() -> None:
    """The captured drill has the hops and the closing lines of the golden one."""
    golden = (ROOT / "tests/nodectl/golden/drill_passed.txt").read_text()
    captured = [block.text for block in blocks() if block.tag == "real-drill"]
    assert captured

    def form(text: str) -> list[str]:
        return [line[:8] for line in text.splitlines() if line[:8].strip()]

    for text in captured:
        assert form(text) == form(golden)
        assert text.splitlines()[-1] == golden.splitlines()[-1]


def test_captured_oom_has_the_form_of_today() -> None:
    """The captured table has the columns and the footer of the golden one."""
    golden = (ROOT / "tests/nodectl/golden/oom.txt").read_text()
    [captured] = [block.text for block in blocks() if block.tag == "real-oom"]
    head = ["WHEN", "WHERE", "VICTIM", "RSS", "LIMIT", "HIDDEN", "RUNTIME", "SAYS"]

    def footer(text: str) -> str:
        return re.sub(r"\d\S*", "N", text.partition("\nbooks")[2].partition(" (")[0])

    assert captured.split()[: len(head)] == golden.split()[: len(head)] == head
    assert footer(captured) == footer(golden) != ""


def test_captured_metrics_are_those_of_the_books() -> None:
    """What was captured at one time agrees: the counters with the footer of the table."""
    tags = ("real-oom", "real-metrics")
    [table], [page] = ([block.text for block in blocks() if block.tag == tag] for tag in tags)
    sums = re.compile(r"(\d+) (?:OOM kills since|unattributed$)", re.MULTILINE)
    counted, lost = map(int, sums.findall(table))
    early = int(re.findall(r"(\d+) of the unattributed are from before", table)[0])
    samples = {name: float(value) for name, value in map(str.split, page.splitlines())}
    assert samples["nodewitness_oom_kills_counted_total"] == counted
    assert samples["nodewitness_oom_kills_before_start_total"] == early
    assert samples["nodewitness_oom_kills_unattributed_total"] == lost - early


# What is named exists


def test_metric_names_exist() -> None:
    """Every metric in the documents, in prose, expressions and outputs, is one of ours."""
    known = {name for name, *_ in families()}
    for path in DOCUMENTS:
        for name in re.findall(r"\bnodewitness_[a-z_]+\b(?!\w)", path.read_text()):
            assert name in known or name == "nodewitness_oom_", (path.name, name)


def test_label_values_exist() -> None:
    """The values of labels that the documents list are those of the code."""
    text = (ROOT / "docs/metrics.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert set(re.findall(r"`([a-z]+)`", rows["limit"])) == {level.value for level in LimitLevel}
    assert set(re.findall(r"`([a-z]+)`", rows["outcome"])) == {o.value for o in OUTCOMES}
    assert re.findall(r"`([a-z.-]+)`", rows["source"]) == list(TELLS)
    assert set(re.findall(r"`([a-z]+)`", rows["status"])) == {v.value for v in Verity}
    assert set(re.findall(r"`([a-z]+)`", rows["reason"])) == set(HttpStatistics().dropped)


_OTHER_VARIABLES = (
    *("SOCKET", "ADDRESS", "CA", "CERT", "KEY", "SERVER_NAME", "METRICS"),
    *("CACHE", "WRITE_GOLDEN", "KUBELET"),
)


def test_configuration_keys_exist() -> None:
    """Every key, and every variable of a key, that a document names is one."""
    names = {key.name for key in describe()}
    variables = {key.environment for key in describe()}
    variables |= {"NODEWITNESS_" + name for name in _OTHER_VARIABLES}
    sections = {name.partition(".")[0] for name in names}
    for where, words in code():
        for name in re.findall(r"(?<![\w./])([a-z]+\.[a-z_]+)(?![\w./])", words):
            section, _, rest = name.partition(".")
            if section in sections and rest != "db":
                assert name in names, (where, name)
        for variable in re.findall(r"\bNODEWITNESS_[A-Z_]+[A-Z]\b", words):
            assert variable in variables, (where, variable)


def test_toml_examples_are_valid() -> None:
    """A TOML example holds known keys only."""
    names = {key.name for key in describe()}
    examples = [tomllib.loads(block.text) for block in blocks() if block.language == "toml"]
    assert examples
    assert {f"{s}.{name}" for example in examples for s in example for name in example[s]} <= names


def test_make_targets_exist() -> None:
    """`make X` is a target of the Makefile, and `make help` names no less than the README needs."""
    targets = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for _, words in code()
        for target in re.findall(r"(?:^|\s)make ([a-z]+)", words)
        if not words.startswith("apt-get")
    }
    assert named <= targets
    assert {"run", "check", "test", "lab", "help"} <= named


def _command(root: click.Command, words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words name, and what follows its name."""
    command = root
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"{command.name} {words[0]}"
        command, words = found, words[1:]
    return command, words


def _options(command: click.Command) -> set[str]:
    flags = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
    return flags | {"-h", "--help"}


def test_commands_and_options_exist() -> None:
    """Every nodectl and nodewitness command line in the documents could be typed so."""
    seen = set()
    for where, line in code():
        for words in re.split(r"[|;]|#| - | -- ", line):
            if re.match(r"(?:\w+=\$\()?(?:kubectl|systemctl) ", words):
                continue
            found = re.search(r"(?:^|\s|/)(nodectl|nodewitness)((?: \S+)*)$", words.strip(" &"))
            if not found or found[2].startswith((" status  ", " on ")):
                continue
            root = cli if found[1] == "nodectl" else daemon
            command, rest = _command(root, found[2].split())
            seen.add((found[1], command.name))
            for word in rest:
                flag = word.partition("=")[0]
                if flag.startswith("-"):
                    known = _options(command) | _options(root)
                    assert flag in known, (where, line)
    assert {("nodectl", "oom"), ("nodewitness", "check"), ("nodewitness", "uninstall")} <= seen


def _leaves(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            assert found is not None
            yield from _leaves(found, f"{path} {name}".strip())
    else:
        yield path, command


@pytest.mark.parametrize(("name", "command"), list(_leaves(cli)), ids=str)
def test_each_command_is_documented(name: str, command: click.Command) -> None:
    """docs/nodectl.md has a section for each command, and names each of its options."""
    text = (ROOT / "docs/nodectl.md").read_text()
    assert f"\n## {name}\n" in text
    common, own = text.partition("\n## Exit codes")[0], text.partition(f"\n## {name}\n")[2]
    own = own.partition("\n## ")[0]
    for param in command.params:
        if isinstance(param, click.Argument):
            continue
        flag = max(param.opts, key=len)
        assert re.search(rf"`(-\w, )?{flag}\b", own) or f"`{flag}" in common, flag


def test_every_call_of_the_api_is_named() -> None:
    """The README names each rpc."""
    proto = (ROOT / "proto/agent/api/v1/node_agent.proto").read_text()
    named = {words for where, words in code() if where == "README.md"}
    assert set(re.findall(r"^ *rpc (\w+)", proto, re.MULTILINE)) <= named


def test_exit_codes() -> None:
    """The documented exit codes are those of nodectl."""
    wanted = "".join(f"| {int(code)} | {text} |\n" for code, text in MEANING.items())
    for name in ("README.md", "docs/nodectl.md"):
        assert f"| code | means |\n| --- | --- |\n{wanted}\n" in (ROOT / name).read_text()


def test_sources_are_described() -> None:
    """The README's sources are the agent's, with what each one tells."""
    text = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| `([a-z.-]+)` \| .* \| (.*) \|$", text, re.MULTILINE)
    assert dict(rows) | {name: tells for name, (tells, _) in TELLS.items()} == dict(rows)


def test_quoted_storms() -> None:
    """The table is one that the lab's run writes, and it claims what is proven there: every kill
    with its pod, and all but the blind ones on their very cgroup.
    """
    [quoted] = [block.text for block in blocks() if block.tag == "real-storms"]
    rows = parse_table(quoted.splitlines())
    assert {row.storm: row.kernel for row in rows} == STORMS
    for row in rows:
        assert row.kernel == row.with_pod
        assert row.exact == row.kernel or "no trace" in row.storm


def test_ledger_words_are_those_of_the_model() -> None:
    """The tables of attributions, confidences and limits have a row for each member."""
    text = (ROOT / "docs/oom-ledger.md").read_text()
    rows = set(re.findall(r"^\| ([a-z-]+) \| ", text, re.MULTILINE))
    words = {member.value for member in (*Attribution, *Confidence, *LimitLevel)}
    assert words - {Attribution.NONE.value} <= rows


def test_rooms_are_listed() -> None:
    """The README's rooms are the packages of the house."""
    text = (ROOT / "README.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "agent").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `([a-z]+)` \| (?!.*\|.*\|)", text, re.MULTILINE)) >= rooms


def _anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_resolve(path: Path) -> None:
    """Relative links lead to files of this repository, and their anchors to headings."""
    for link in _LINK.findall(path.read_text()):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        assert not anchor or anchor in _anchors(file), link


def test_named_modules_can_be_run() -> None:
    """`python -m X` names a module."""
    for where, words in code():
        for module in re.findall(r"python -m ([\w.]+)", words):
            name = f"{module}.__main__" if module == "tests.lab" else module
            assert importlib.util.find_spec(name), (where, module)
