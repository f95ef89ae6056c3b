"""A table for people and a file for machines, without names of hosts or folders."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from bench.figures import Figure
from bench.yardstick import microseconds_to_parse_a_span

FOLDER = Path(__file__).parent / "results"
_PACKAGES = ("pyotelcol", "grpcio", "protobuf", "aiohttp", "uvloop", "rotel")
_HEAD = ("what", "pyotelcol", "min - max", "rotel", "ratio", "min - max", "at reference", "target", "")


@dataclass(frozen=True)
class Conditions:
    """How the figures came about."""

    rounds: int
    seconds: float
    pinned: bool
    """Collectors on one core, load generator and sink on another."""
    connections: int


def machine() -> dict[str, Any]:
    """Describe what ran, as far as it decides on speed."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30)),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "microseconds_to_parse_a_span": round(microseconds_to_parse_a_span(), 2),
        "versions": {name: version(name) for name in _PACKAGES if _is_installed(name)},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except ModuleNotFoundError:
        return False
    return True


def commit() -> tuple[str, bool]:
    """Return the short id of the commit, and whether there are changes to the program beside it."""
    changes = _git("status", "--porcelain", "--", "collector", "processors", "exporters")
    return _git("rev-parse", "--short", "HEAD") or "no-commit", bool(changes)


def _git(*words: str) -> str:
    here = str(Path(__file__).parent.parent)
    return subprocess.run(["git", "-C", here, *words], capture_output=True, text=True, check=False).stdout.strip()


def table(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """Return the rows of the table, heading first, grouped by scenario."""
    return [_HEAD, *(_row(figure) for figure in figures)]


def _row(figure: Figure) -> tuple[str, ...]:
    low, high = figure.spread
    return (
        f"{figure.scenario}: {figure.what}",
        f"{_number(figure.ours)} {figure.unit}",
        f"{_number(low)} - {_number(high)}",
        "" if figure.peer is None else _number(figure.peer),
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        "" if figure.ratio_spread is None else "{:.2f} - {:.2f}".format(*figure.ratio_spread),
        "" if figure.at_reference is None else _number(figure.at_reference),
        str(figure.target or ""),
        figure.verdict,
    )


def _number(value: float) -> str:
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f} k"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def text(rows: Sequence[tuple[str, ...]]) -> str:
    """Lay out a table for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def markdown(rows: Sequence[tuple[str, ...]], about: dict[str, Any]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    facts = [f"- {key.replace('_', ' ')}: {_fact(value)}" for key, value in about.items()]
    rule = "|" + "---|" * len(rows[0])
    return "\n".join(["# Results", "", *facts, "", head, rule, *body, ""])


def _fact(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(_fact(v) if isinstance(v, dict) else f"{k.replace('_', ' ')} {v}" for k, v in value.items())


def write(figures: Sequence[Figure], conditions: Conditions, folder: Path = FOLDER) -> Path:
    """Keep the results as FOLDER/<date>-<commit>.json and .md; returns the latter."""
    revision, changed = commit()
    date = time.strftime("%Y-%m-%d")
    about = {
        "date": date,
        "commit": revision + (" and uncommitted changes" if changed else ""),
        "machine": machine(),
        "conditions": asdict(conditions),
    }
    folder.mkdir(exist_ok=True)
    path = folder / f"{date}-{revision}.md"
    everything = about | {"figures": [asdict(figure) | {"verdict": figure.verdict} for figure in figures]}
    path.with_suffix(".json").write_text(json.dumps(everything, indent=1) + "\n")
    path.write_text(markdown(table(figures), about))
    return path
