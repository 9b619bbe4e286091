"""Writing answers to stdout."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from google.protobuf.message import Message


def print_message(message: Message, output: str) -> None:
    """Print it in a format for programs: "json" or "yaml"."""
    if output == "yaml":
        print_yaml(as_dict(message))
    else:
        click.echo(to_json(message))


def print_yaml(value: object) -> None:
    """Print what JSON could hold as one YAML document."""
    from agent.nodectl.yaml import to_yaml

    click.echo(to_yaml(value), nl=False)


def to_json(message: Message, *, one_line: bool = False) -> str:
    """protojson with the proto's field names; zero values are written, absent optionals are not.

    Non-ASCII and control characters of names come out as JSON escapes.
    """
    return json.dumps(as_dict(message), indent=None if one_line else 2)


def as_dict(message: Message) -> dict[str, Any]:
    """What `to_json` writes, as it is before it is written: 64-bit numbers are strings."""
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def terminal_columns() -> int | None:
    """How wide a line may be; None where nobody folds lines: a file, a pipe."""
    if "COLUMNS" in os.environ or sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return None
