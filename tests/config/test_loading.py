"""Where settings come from, which place wins, and what is said about mistakes."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.config import ConfigError, Key, Problem, Settings, describe, load
from agent.config.keys import SECTIONS

FILE = "config.toml"


@pytest.fixture(autouse=True)
def _no_file_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.config.loading.DEFAULT_PATH", tmp_path / "default.toml")


def problems(
    path: Path | None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {}, overrides or {})
    return caught.value.problems


def written(directory: Path, toml: str | bytes) -> Path:
    file = directory / FILE
    file.write_bytes(toml.encode() if isinstance(toml, str) else toml)
    return file


def test_nothing_given_is_the_defaults() -> None:
    """No file at the default place, no variable, no flag: the agent starts."""
    assert load(None, {}, {}) == Settings()


def test_default_file_is_read_when_it_is_there(tmp_path: Path) -> None:
    """The default place is read without being named."""
    (tmp_path / "default.toml").write_text("[oom]\nmax_series = 7\n")
    assert load(None, {}, {}).oom.max_series == 7


@pytest.mark.parametrize(
    ("environ", "overrides", "interval"),
    [
        ({}, {}, 2.0),
        ({"NODEWITNESS_TICK_INTERVAL": "3s"}, {}, 3.0),
        ({}, {"tick.interval": "4s"}, 4.0),
        ({"NODEWITNESS_TICK_INTERVAL": "3s"}, {"tick.interval": "4s"}, 4.0),
    ],
)
def test_flag_wins_over_environment_wins_over_file(
    tmp_path: Path, environ: dict[str, str], overrides: dict[str, str], interval: float
) -> None:
    """The nearer to the command, the stronger; what is set elsewhere in the file stays."""
    file = written(tmp_path, '[tick]\ninterval = "2s"\n[node]\nname = "n1"\n')
    settings = load(file, environ, overrides)
    assert settings.tick.interval == interval
    assert settings.node.name == "n1"


@pytest.mark.parametrize("key", describe(), ids=lambda key: key.name)
def test_every_key_is_taken_from_every_place(tmp_path: Path, key: Key) -> None:
    """There is no key that only one of the places knows."""
    section, name = key.name.split(".")
    text = key.default.strip('"')
    file = written(tmp_path, f"[{section}]\n{name} = {key.default}\n")
    assert load(file, {}, {}) == Settings()
    assert load(None, {key.environment: text}, {}) == Settings()
    assert load(None, {}, {key.name: text}) == Settings()


WRONG_FILES = [
    (
        "wrong value",
        '[serve]\n\n  "max_subscribers"  =  0\n',
        Problem(
            key="serve.max_subscribers",
            origin=f"{FILE}, line 3",
            got="0",
            expected="an integer from 1 to 4096",
        ),
    ),
    (
        "wrong type",
        "[sources]\ncri = 'maybe'\n",
        Problem(
            key="sources.cri",
            origin=f"{FILE}, line 2",
            got="'maybe'",
            expected="true or false",
        ),
    ),
    (
        "a table for a value",
        "[tick.interval]\nseconds = 1\n",
        Problem(
            key="tick.interval",
            origin=f"{FILE}, line 1",
            got="a table",
            expected='a duration from 100ms to 5m, written as "500ms", "2s", "5m", "3h" or "7d"',
        ),
    ),
    (
        "an array for a value, in an inline table",
        "# tick = {}\ntick = { interval = [1] }\n",
        Problem(
            key="tick.interval",
            origin=f"{FILE}, line 2",
            got="an array",
            expected='a duration from 100ms to 5m, written as "500ms", "2s", "5m", "3h" or "7d"',
        ),
    ),
    (
        "a date for a value",
        "[node]\nname = 2026-01-02\n",
        Problem(
            key="node.name",
            origin=f"{FILE}, line 2",
            got="2026-01-02",
            expected="a node name: letters, digits, dots and dashes",
        ),
    ),
    (
        "an integer that Python would refuse to print",
        f"[state]\nqueue = 0x{'f' * 5000}\n",
        Problem(
            key="state.queue",
            origin=f"{FILE}, line 2",
            got="an integer of 20000 bits",
            expected="an integer from 16 to 1048576",
        ),
    ),
    (
        "unknown key, nearly a known one",
        "[serve]\nsockt = '/x'\n",
        Problem(
            key="serve.sockt",
            origin=f"{FILE}, line 2",
            got="an unknown key",
            expected="a known one, perhaps serve.socket",
        ),
    ),
    (
        "key without its section",
        "max_subscribers = 3\n",
        Problem(
            key="max_subscribers",
            origin=f"{FILE}, line 1",
            got="an unknown key",
            expected="a known one, perhaps serve.max_subscribers",
        ),
    ),
    (
        "unknown section, nearly a known one",
        "[node]\nname = 'a'\n[tik]\ninterval = '1s'\nother = 2\n",
        Problem(
            key="tik",
            origin=f"{FILE}, line 3",
            got="an unknown table",
            expected="a known one, perhaps tick",
        ),
    ),
    (
        "unknown section, like none",
        "[zzzzzz]\n",
        Problem(
            key="zzzzzz",
            origin=f"{FILE}, line 1",
            got="an unknown table",
            expected="one of api_server, cni, conditions, disks, heartbeat, host, kubelet, network,"
            " node, oom, pressure, runtime, serve, sources, state, sweep, tick",
        ),
    ),
    (
        "a value for a section",
        "tick = 3\n",
        Problem(key="tick", origin=f"{FILE}, line 1", got="3", expected="a table: [tick]"),
    ),
    (
        "an array for a section",
        "[[tick]]\ninterval = '1s'\n",
        Problem(key="tick", origin=f"{FILE}, line 1", got="an array", expected="a table: [tick]"),
    ),
    (
        "not TOML",
        "[serve]\nsocket = \n",
        Problem(
            key="", origin=FILE, got="Invalid value (at line 2, column 10)", expected="valid TOML"
        ),
    ),
    (
        "nested too deeply",
        f"a = {'[' * 100_000}",
        Problem(
            key="", origin=FILE, got="arrays or tables nested too deeply", expected="valid TOML"
        ),
    ),
]


@pytest.mark.parametrize(
    ("toml", "problem"), [case[1:] for case in WRONG_FILES], ids=[case[0] for case in WRONG_FILES]
)
def test_mistake_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: str, problem: Problem
) -> None:
    """Key, place, what was got and what is expected."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path, toml)
    assert problems(Path(FILE)) == (problem,)


def test_file_that_is_not_text(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are told as what they are."""
    (problem,) = problems(written(tmp_path, b"\xff\xfe[serve]"))
    assert "can't decode byte 0xff in position 0" in problem.got


@pytest.mark.parametrize(
    ("name", "got"),
    [("missing.toml", "no such file"), ("", "Is a directory"), ("x/y.toml", "Not a directory")],
)
def test_file_that_cannot_be_read(tmp_path: Path, name: str, got: str) -> None:
    """A file that was asked for must be there, and be a file."""
    (tmp_path / "x").touch()
    (problem,) = problems(tmp_path / name)
    assert (problem.key, problem.origin, problem.got) == ("", str(tmp_path / name), got)


def test_default_file_that_is_there_must_be_right(tmp_path: Path) -> None:
    """Only a missing default file is forgiven."""
    (tmp_path / "default.toml").mkdir()
    (problem,) = problems(None)
    assert problem.got == "Is a directory"


@pytest.mark.parametrize(
    ("variable", "raw", "problem"),
    [
        (
            "NODEWITNESS_SERVE_SOCKET",
            "x.sock",
            Problem(
                key="serve.socket",
                origin="environment variable NODEWITNESS_SERVE_SOCKET",
                got="'x.sock'",
                expected="an absolute path of at most 107 bytes",
            ),
        ),
        (
            "NODEWITNESS_SERV_SOCKET",
            "/x",
            Problem(
                key="NODEWITNESS_SERV_SOCKET",
                origin="environment",
                got="an unknown variable",
                expected="a known one, perhaps NODEWITNESS_SERVE_SOCKET",
            ),
        ),
    ],
)
def test_mistake_in_the_environment(variable: str, raw: str, problem: Problem) -> None:
    """The variable is named as the operator wrote it."""
    assert problems(None, {variable: raw}) == (problem,)


@pytest.mark.parametrize(
    "variable",
    [
        "PATH",
        "NODEWITNES_SERVE_SOCKET",
        "NODEWITNESS_CACHE",
        "NODEWITNESS_SERVICE_HOST",
        "NODEWITNESS_SERVICE_PORT",
        "NODEWITNESS_SERVICE_PORT_METRICS",
        "NODEWITNESS_PORT",
        "NODEWITNESS_PORT_9754_TCP",
        "NODEWITNESS_PORT_9754_TCP_ADDR",
        "NODEWITNESS_FLEET_SERVICE_HOST",
        "NODEWITNESS_FLEET_PORT_9755_TCP_PROTO",
    ],
)
def test_variables_of_others_are_left_alone(variable: str) -> None:
    """A Service called nodewitness makes Kubernetes set these; it must not stop the agent."""
    assert load(None, {variable: "tcp://10.0.0.1:9754"}, {}) == Settings()


@pytest.mark.parametrize(
    ("flag", "raw", "problem"),
    [
        (
            "state.max_bytes",
            "64M",
            Problem(
                key="state.max_bytes",
                origin="flag --set state.max_bytes",
                got="'64M'",
                expected='a size from 1Mi to 1Ti, in bytes or written as "64Mi"',
            ),
        ),
        (
            "state.max_byte",
            "64Mi",
            Problem(
                key="state.max_byte",
                origin="flag --set state.max_byte",
                got="an unknown key",
                expected="a known one, perhaps state.max_bytes",
            ),
        ),
        (
            "tick",
            "1s",
            Problem(key="tick", origin="flag --set tick", got="'1s'", expected="a table: [tick]"),
        ),
    ],
)
def test_mistake_in_a_flag(flag: str, raw: str, problem: Problem) -> None:
    """A flag's mistake names the flag."""
    assert problems(None, {}, {flag: raw}) == (problem,)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """One start of the agent tells everything, also what a stronger place would have overruled."""
    file = written(tmp_path, "[tick]\ninterval = 1\n[oom]\nsettle = '2 s'\nsetle = '2s'\n")
    told = problems(
        file,
        {"NODEWITNESS_OOM_MAX_SERIES": "0", "NODEWITNESS_OMO": ""},
        {"tick.interval": "1s", "x": ""},
    )
    assert [problem.key for problem in told] == [
        "tick.interval",
        "oom.settle",
        "oom.setle",
        "NODEWITNESS_OMO",
        "oom.max_series",
        "x",
    ]


def test_message_for_the_operator(tmp_path: Path) -> None:
    """One line a mistake, and nothing in it that forges another line or fills the screen."""
    file = written(tmp_path, '"a\\nb" = 1\n[node]\nname = "' + "x" * 1000 + '!"\n')
    with pytest.raises(ConfigError) as caught:
        load(file, {}, {})
    first, second = str(caught.value).split("\n")
    assert first.startswith(r"'a\nb': got an unknown key, expected ")
    assert second == (
        f"node.name: got 'xxx{'x' * 76}…, expected a node name: letters, digits, dots and dashes "
        f"({file}, line 3)"
    )


def mistakes(path: Path | None, overrides: Mapping[str, str]) -> list[str]:
    try:
        load(path, {}, overrides)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


LINES_OF_OUR_KEYS = st.sampled_from(
    [f"[{section}]" for section in SECTIONS]
    + [f"{key.name.partition('.')[2]} = " for key in describe()]
    + [f"{key.name} = " for key in describe()]
)
VALUES = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.text(max_size=20).map(lambda value: f"'{value}'"),
    st.sampled_from(["[]", "{}", "[[1]]", "{a.b.c = 1}", "1979-05-27", "''", '"5s"', "nan"]),
)
NEARLY_OURS = st.lists(st.tuples(LINES_OF_OUR_KEYS, VALUES | st.just("")).map("".join)).map(
    "\n".join
)


@given(
    toml=st.binary()
    | st.text().map(lambda t: t.encode(errors="ignore"))
    | NEARLY_OURS.map(str.encode)
)
@example(toml=b"a = 1979-13-45")
@example(toml=b"a = " + b"9" * 5000)
@example(toml=b"serve." + b"a." * 3_000 + b"a = 1")
@example(toml=b"[" + b"a." * 3_000 + b"a]\nb = [")
@example(toml=b"a = " + b"{a = " * 20_000)
def test_no_file_makes_load_fail_otherwise(
    tmp_path_factory: pytest.TempPathFactory, toml: bytes
) -> None:
    """Whatever the bytes of the file, load gives settings or a ConfigError that can be printed."""
    file = written(tmp_path_factory.getbasetemp(), toml)
    told = mistakes(file, {})
    assert len("\n".join(told).splitlines()) == len(told)


@given(text=st.text(), key=st.sampled_from([key.name for key in describe()]) | st.text())
def test_no_flag_makes_load_fail_otherwise(text: str, key: str) -> None:
    """Whatever is set, load gives settings or a ConfigError that can be printed."""
    told = mistakes(None, {key: text})
    assert len("\n".join(told).splitlines()) == len(told) <= 1


def test_tcp_without_its_files_is_a_mistake_each() -> None:
    """An address alone names every file that it needs; a mistake in one of them is told once."""
    said = problems(None, {}, {"serve.grpc_address": "127.0.0.1:9755"})
    assert [p.key for p in said] == [
        "serve.tls_certificate",
        "serve.tls_key",
        "serve.tls_client_ca",
    ]
    assert all("mutual TLS only" in str(p) and "127.0.0.1:9755" in str(p) for p in said)
    said = problems(
        None,
        {"NODEWITNESS_SERVE_TLS_KEY": "key.pem"},
        {"serve.grpc_address": "[::1]:9755", "serve.tls_certificate": "/c", "oom.settle": "x"},
    )
    assert sorted(p.key for p in said) == ["oom.settle", "serve.tls_client_ca", "serve.tls_key"]


def test_metrics_with_tls_name_their_files() -> None:
    """The certificate and its key; a CA of clients is no use without TLS."""
    said = problems(None, {}, {"serve.metrics_tls": "true"})
    assert [p.key for p in said] == ["serve.tls_certificate", "serve.tls_key"]
    assert all("serve.metrics_tls = false" in str(p) for p in said)
    files = {"serve.tls_certificate": "/c", "serve.tls_key": "/k"}
    serve = load(None, {}, {"serve.metrics_tls": "true", **files}).serve
    assert (serve.metrics_tls, serve.metrics_client_ca) == (True, None)
    [one] = problems(None, {}, {"serve.metrics_client_ca": "/ca"})
    assert one.key == "serve.metrics_tls"


def test_files_without_tcp_are_none() -> None:
    """The files may stand ready before the address does."""
    assert load(None, {}, {"serve.tls_key": "/k"}).serve.tls_key == Path("/k")


def test_a_stall_is_no_longer_than_its_window() -> None:
    """The kernel would refuse it."""
    said = problems(None, {}, {"pressure.window": "500ms", "pressure.io": "100ms"})
    assert [p.key for p in said] == ["pressure.cpu"]
    assert load(None, {}, {"pressure.io": "1s"}).pressure.io == 1.0
