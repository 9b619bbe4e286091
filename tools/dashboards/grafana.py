"""The JSON of a dashboard, as Grafana 10 and later read it.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tools.dashboards.model import Dashboard, Kind, Panel, Query, Variable, Words

SCHEMA = 38  # of Grafana 10.0; later ones read it, and bring it up to date by themselves
COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
Json = dict[str, Any]


def to_json(dashboard: Dashboard) -> str:
    """The file, to the letter."""
    model: Json = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.text,
        "tags": ["nodewitness"],
        "schemaVersion": SCHEMA,
        "editable": True,
        "graphTooltip": 1,  # one cross hair for all panels
        "time": {"from": "now-3h", "to": "now"},
        "refresh": "30s",
        "links": [_others()],
        "annotations": {"list": []},
        "templating": {"list": [_source(), *map(_variable, dashboard.variables)]},
        "panels": list(_panels(dashboard)),
    }
    return json.dumps(model, indent=1) + "\n"


def _others() -> Json:
    """Links to the dashboards with the same tag, with what is chosen here."""
    how = {"asDropdown": False, "includeVars": True, "keepTime": True, "targetBlank": False}
    shown = {"title": "nodewitness", "icon": "dashboard", "tooltip": "", "url": ""}
    return {"type": "dashboards", "tags": ["nodewitness"], **shown, **how}


def _source() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "hide": 0,
    }


def _variable(variable: Variable) -> Json:
    made: Json = {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": variable.query, "refId": "StandardVariableQuery"},
        "definition": variable.query,
        "regex": variable.regex,
        "refresh": 2,  # when the time changes: nodes come and go
        "sort": 1,
        "multi": False,
        "includeAll": variable.everything,
        "hide": 0,
    }
    if variable.everything:
        # A label that is not there at all is one of them: `cluster`, where there is but one.
        made["allValue"] = ".*"
        made["current"] = {"selected": True, "text": "All", "value": "$__all"}
    return made


def _panels(dashboard: Dashboard) -> Iterator[Json]:
    """Rows and panels from the top, each line filled from the left."""
    number, y = 0, 0
    for row in dashboard.rows:
        number += 1
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "gridPos": place,
            "collapsed": False,
            "panels": [],
        }
        x, y, lowest = 0, y + 1, y + 1
        for panel in row.panels:
            number += 1
            width, height = panel.kind.size
            height = panel.lines or height
            if x + width > COLUMNS:
                x, y = 0, lowest
            place = {"h": height, "w": width, "x": x, "y": y}
            yield {"id": number, "gridPos": place, **_panel(dashboard, panel)}
            x, lowest = x + width, max(lowest, y + height)
        y = lowest


def _panel(dashboard: Dashboard, panel: Panel) -> Json:
    defaults: Json = {
        "unit": panel.unit,
        "mappings": _mappings(panel.words),
        "thresholds": _thresholds(panel.red_from),
    }
    common = {
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "targets": [
            _target(dashboard, panel, query, letter)
            for query, letter in zip(panel.queries, "ABCDEFGH", strict=False)
        ],
    }
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    over_time = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    match panel.kind:
        case Kind.LINES | Kind.BARS | Kind.SHARES:
            fields = _fields({**defaults, "custom": _drawn(panel.kind)})
            return {"type": "timeseries", **common, "fieldConfig": fields, "options": over_time}
        case Kind.STATES:
            custom = {"fillOpacity": 70, "lineWidth": 0, "spanNulls": False}
            fields = _fields({**defaults, "custom": custom})
            options = {**over_time, "mergeValues": True, "showValue": "never", "rowHeight": 0.9}
            return {
                "type": "state-timeline",
                **common,
                "fieldConfig": fields,
                "options": options | {"alignValue": "left"},
            }
        case Kind.FIGURE:
            fields = _fields(defaults)
            return {"type": "stat", **common, "fieldConfig": fields, "options": _FIGURE}
        case Kind.TABLE:
            fields = _fields(defaults, _TO_THE_POD)
            columns = {
                "excludeByName": {"Time": True} | ({} if panel.value else {"Value": True}),
                "renameByName": {"Value": panel.value} if panel.value else {},
                "indexByName": {},
            }
            return {
                "type": "table",
                **common,
                "fieldConfig": fields,
                "options": {"showHeader": True, "cellHeight": "sm", "frameIndex": 0},
                "transformations": [{"id": "organize", "options": columns}],
            }


def _fields(defaults: Json, *overrides: Json) -> Json:
    return {"defaults": defaults, "overrides": list(overrides)}


_FIGURE: Json = {
    "colorMode": "background",
    "graphMode": "none",
    "textMode": "auto",
    "justifyMode": "auto",
    "orientation": "auto",
    "wideLayout": True,
    "showPercentChange": False,
    "percentChangeColorMode": "standard",
    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
}

_TO_THE_POD: Json = {
    "matcher": {"id": "byName", "options": "pod"},
    "properties": [
        {
            "id": "links",
            "value": [
                {
                    "title": "Show this pod",
                    "url": "/d/nodewitness-pod?${datasource:queryparam}&${cluster:queryparam}"
                    "&var-namespace=${__data.fields.namespace}&var-pod=${__data.fields.pod}"
                    "&${__url_time_range}",
                }
            ],
        }
    ],
}


def _target(dashboard: Dashboard, panel: Panel, query: Query, letter: str) -> Json:
    return {
        "refId": letter,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": dashboard.expression(query),
        "legendFormat": query.legend or "__auto",
        "instant": panel.kind.instant,
        "range": not panel.kind.instant,
        "format": "table" if panel.kind is Kind.TABLE else "time_series",
    }


def _mappings(words: Words) -> list[Json]:
    options = {
        str(value): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}] if options else []


def _thresholds(red_from: int | None) -> Json:
    """Grafana's own would make everything red from 80 on."""
    steps: list[Json] = [{"color": "text" if red_from is None else "green", "value": None}]
    if red_from is not None:
        steps.append({"color": "red", "value": red_from})
    return {"mode": "absolute", "steps": steps}


def _drawn(kind: Kind) -> Json:
    stacked = "none" if kind is Kind.LINES else "normal"
    return {
        "drawStyle": "bars" if kind is Kind.BARS else "line",
        "lineWidth": 1,
        "fillOpacity": 10 if kind is Kind.LINES else 70,
        "showPoints": "auto",
        "spanNulls": False,  # what is not known is not drawn
        "stacking": {"mode": stacked, "group": "A"},
    }
