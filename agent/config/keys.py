"""The settings as keys: of the file, of the environment, of docs/configuration.md."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from msgspec import Struct
from msgspec.structs import fields

from agent.config.kinds import Kind
from agent.config.settings import Settings

ENVIRONMENT_PREFIX = "NODEWITNESS_"


class Key(Struct, frozen=True, kw_only=True):
    """One key of the configuration.

    `name` is dotted; `default` is TOML; `environment` is the variable that sets it.
    """

    name: str
    kind: Kind
    default: str
    meaning: str
    environment: str


SECTIONS: Mapping[str, type[Any]] = MappingProxyType(get_type_hints(Settings))


def describe() -> tuple[Key, ...]:
    """Every key, in the order of the file."""
    return _KEYS


def _describe() -> tuple[Key, ...]:
    keys = []
    for section, cls in SECTIONS.items():
        annotations = get_type_hints(cls, include_extras=True)
        for entry in fields(cls):
            _, kind, meaning = get_args(annotations[entry.name])
            name = f"{section}.{entry.name}"
            keys.append(
                Key(
                    name=name,
                    kind=kind,
                    default=kind.write(entry.default),
                    meaning=meaning,
                    environment=ENVIRONMENT_PREFIX + name.replace(".", "_").upper(),
                )
            )
    return tuple(keys)


_KEYS = _describe()


def render(settings: Settings) -> str:
    """The settings as the TOML file that `load` would read them from, every key written out."""
    lines: list[str] = []
    section = ""
    for key in _KEYS:
        head, name = key.name.split(".")
        if head != section:
            lines += ["", f"[{head}]"] if section else [f"[{head}]"]
            section = head
        lines.append(f"{name} = {key.kind.write(getattr(getattr(settings, head), name))}")
    return "\n".join(lines) + "\n"
