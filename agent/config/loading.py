"""Where settings come from: a TOML file, the environment over it, flags over that.

    [serve]
    metrics_address = "[::1]:9754"                          /etc/nodewitness/config.toml
    NODEWITNESS_SERVE_METRICS_ADDRESS=127.0.0.1:9754        environment
    --set serve.metrics_address=                            flag (empty: no metrics)

All mistakes are told at once.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from msgspec import Struct

from agent.config.contradictions import contradictions
from agent.config.keys import ENVIRONMENT_PREFIX, SECTIONS, describe
from agent.config.problem import LONGEST_QUOTE, ConfigError, Problem, shortened
from agent.config.settings import DEFAULT_PATH, Settings

# Variables with our prefix that are not ours to judge: the development cache of the Makefile, where
# nodectl finds the agent, and what Kubernetes sets for a Service called nodewitness or
# nodewitness-something in our namespace (enableServiceLinks).
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_FOREIGN_VARIABLE = re.compile(
    r"NODEWITNESS_(CACHE|SOCKET|METRICS|ADDRESS|CA|CERT|KEY|SERVER_NAME"
    r"|([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?"
    r"|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?))"
)


class _Given(Struct, frozen=True, kw_only=True):
    key: str
    raw: object
    origin: str


def load(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, str]) -> Settings:
    """The settings from all three places, or `ConfigError`.

    `path` None means `DEFAULT_PATH`, which may be missing; a path that is given must exist.
    `overrides` are the flags: dotted key to text. Of a key that is given more than once the flag
    counts, then the environment; but a mistake is a mistake wherever it stands.
    """
    keys = {key.name: key for key in describe()}
    values: dict[str, dict[str, object]] = {section: {} for section in SECTIONS}
    problems: list[Problem] = []
    for given in chain(
        _from_file(path, problems), _from_environment(environ, problems), _from_flags(overrides)
    ):
        key = keys.get(given.key)
        if key is None:
            problems.append(_unknown(given))
            continue
        try:
            value = key.kind.read(given.raw)
        except ValueError:
            problems.append(
                Problem(
                    key=given.key,
                    origin=given.origin,
                    got=_shown(given.raw),
                    expected=key.kind.expected,
                )
            )
            continue
        section, name = given.key.split(".")
        values[section][name] = value
    settings = Settings(**{name: cls(**values[name]) for name, cls in SECTIONS.items()})
    mistaken = {problem.key for problem in problems}
    problems += (p for p in contradictions(settings) if p.key not in mistaken)
    if problems:
        raise ConfigError(tuple(problems))
    return settings


def _from_file(path: Path | None, problems: list[Problem]) -> Iterator[_Given]:
    file = DEFAULT_PATH if path is None else path
    try:
        text = file.read_bytes().decode()
        import tomllib  # there may be no file

        document = tomllib.loads(text)
    except FileNotFoundError:
        if path is not None:
            problems.append(_unreadable(file, "no such file", "the file that was asked for"))
    except OSError as error:
        problems.append(_unreadable(file, error.strerror or str(error), "a file that can be read"))
    except RecursionError:
        problems.append(_unreadable(file, "arrays or tables nested too deeply", "valid TOML"))
    except ValueError as error:
        # Beside TOMLDecodeError: not UTF-8, or an integer of more digits than Python converts.
        problems.append(_unreadable(file, shortened(str(error)), "valid TOML"))
    else:
        lines = _line_of_each_key(text)
        for section, table in document.items():
            if section in SECTIONS and isinstance(table, dict):
                for name, raw in table.items():
                    key = f"{section}.{name}"
                    line = lines.get(key) or lines.get(section)
                    yield _Given(key=key, raw=raw, origin=_place(file, line))
            else:
                yield _Given(key=section, raw=table, origin=_place(file, lines.get(section)))


def _from_environment(environ: Mapping[str, str], problems: list[Problem]) -> Iterator[_Given]:
    keys = {key.environment: key.name for key in describe()}
    for variable, raw in sorted(environ.items()):
        origin = f"environment variable {shortened(variable)}"
        if variable in keys:
            yield _Given(key=keys[variable], raw=raw, origin=origin)
        elif variable.startswith(ENVIRONMENT_PREFIX) and not _FOREIGN_VARIABLE.fullmatch(variable):
            problems.append(
                Problem(
                    key=variable,
                    origin="environment",
                    got="an unknown variable",
                    expected=_nearest(variable, keys),
                )
            )


def _from_flags(overrides: Mapping[str, str]) -> Iterator[_Given]:
    for key, raw in overrides.items():
        yield _Given(key=key, raw=raw, origin=f"flag --set {shortened(key)}")


def _unreadable(file: Path, got: str, expected: str) -> Problem:
    return Problem(key="", origin=str(file), got=got, expected=expected)


def _unknown(given: _Given) -> Problem:
    section, dot, _ = given.key.partition(".")
    if section in SECTIONS and not dot:
        got, expected = _shown(given.raw), f"a table: [{section}]"
    else:
        is_table = isinstance(given.raw, dict)
        got = "an unknown table" if is_table else "an unknown key"
        expected = _nearest(given.key, SECTIONS if is_table else (key.name for key in describe()))
    return Problem(key=given.key, origin=given.origin, got=got, expected=expected)


def _nearest(name: str, known: Iterable[str]) -> str:
    import difflib

    known = sorted(known)
    near = difflib.get_close_matches(name[:LONGEST_QUOTE], known, n=1, cutoff=0.5)
    return f"a known one, perhaps {near[0]}" if near else f"one of {', '.join(known)}"


def _line_of_each_key(text: str) -> dict[str, int]:
    """The line of each dotted key and of each table.

    tomllib does not tell. What looks like a key inside a multi-line string is taken for one: it can
    only put a wrong line into a message.
    """
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if line.startswith("["):
            table = _bare(line.lstrip("[").partition("]")[0])
            lines.setdefault(table, number)
        elif "=" in line and not line.startswith("#"):
            name = _bare(line.partition("=")[0])
            lines.setdefault(f"{table}.{name}" if table else name, number)
    return lines


def _bare(key: str) -> str:
    return re.sub(r"[\s\"']", "", key)


def _place(file: Path, line: int | None) -> str:
    return f"{file}, line {line}" if line else str(file)


def _shown(raw: object) -> str:
    match raw:
        case bool():
            return "true" if raw else "false"
        case str():
            return shortened(repr(raw))
        case int() if raw.bit_length() > 128:
            return f"an integer of {raw.bit_length()} bits"  # Python refuses to print the longest
        case dict():
            return "a table"  # never printed: one line of dotted keys nests deeper than repr() goes
        case list():
            return "an array"
        case _:
            return shortened(str(raw))
