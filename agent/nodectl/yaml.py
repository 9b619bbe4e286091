"""YAML, of the same values as JSON."""

from __future__ import annotations

from typing import Any

import yaml

_UNFOLDED = 1 << 20  # columns: a line is a field, as long as it is


class _Dumper(yaml.CSafeDumper):
    """Names come from containers: what does not print is quoted and escaped, line breaks too."""


def _text(dumper: Any, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


_Dumper.add_representer(str, _text)


def to_yaml(value: object, *, document: bool = False) -> str:
    """The value, ending with a line break; as one document of a stream ("---") if asked."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, explicit_start=document, width=_UNFOLDED
    )
    return text
