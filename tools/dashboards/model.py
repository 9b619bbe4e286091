"""Dashboards as values, as they stand in the YAML beside this."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

Words = dict[int, tuple[str, str]]
"""What a value is called, and its colour."""


class Kind(Enum):
    """How a panel shows what it asks for: over time, or as it is at the end of the time."""

    LINES = "lines"
    BARS = "bars"
    SHARES = "shares"  # one upon another
    STATES = "states"  # a word for each value
    FIGURE = "figure"
    TABLE = "table"

    @property
    def instant(self) -> bool:
        """Whether only the last moment counts."""
        return self in (Kind.FIGURE, Kind.TABLE)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines of the grid."""
        match self:
            case Kind.FIGURE:
                return 4, 4
            case Kind.STATES | Kind.TABLE:
                return 12, 8
            case Kind.LINES | Kind.BARS | Kind.SHARES:
                return 8, 8


class Query(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A PromQL expression. `{*` in it begins a selector, with the labels of `scope`."""

    expr: str
    legend: str = ""


class Panel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What answers one question."""

    title: str
    kind: Kind
    unit: str = "none"
    text: str
    """What it shows, and how to read it."""
    queries: tuple[Query, ...]
    words: Words = {}
    value: str = ""
    """Of a table: how the column of values is called; "" leaves it out."""
    red_from: int | None = None
    lines: int = 0
    """Of the grid, if it is to be higher than others of its kind."""


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


class Variable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is chosen above the panels. With `everything` it may be all of them."""

    name: str
    label: str
    query: str
    regex: str = ""
    everything: bool = False


class Dashboard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One page."""

    uid: str
    title: str
    text: str
    scope: str
    """The labels that each selector begins with."""
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    def expression(self, query: Query) -> str:
        """As Prometheus gets it, but for the variables."""
        return query.expr.replace("{*", "{" + self.scope)
