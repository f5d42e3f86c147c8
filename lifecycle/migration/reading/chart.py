"""Errors and latency of both sides over the looks there were, as points of two small charts."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from lifecycle.migration.gates import Observation, Window
from lifecycle.migration.gates.latency import at_most
from lifecycle.migration.judging.sides import Side

MOST_POINTS = 120
WIDTH, HEIGHT = 240, 48
Point = dict[str, Any]


def point(at: datetime, percent: int, window: Window, blue: Side | None) -> Point:
    """One look, as it is kept."""
    answered = blue.split if blue else {}
    return {
        "at": at.isoformat(),
        "percent": percent,
        "by": [int(answered.get("blue", 0)), int(answered.get("green", 0))],
        "compared": window.mirrored.compared,
        "wrong": window.mirrored.wrong,
        "blue": _side(window.blue),
        "green": _side(window.green),
    }


def observed(points: Iterable[Point], percent: int) -> tuple[int, int]:
    """How many reads of this step's users each side has answered: blue, green."""
    of_step = [one["by"] for one in points if one["percent"] == percent]
    return sum(blue for blue, _ in of_step), sum(green for _, green in of_step)


def charts(points: Sequence[Point]) -> dict[str, Any]:
    """Polylines for both sides, each chart under a scale of its own; empty before there are two looks."""
    if len(points) < 2:
        return {}
    errors, ms = _lines(points, lambda side: side[0]), _lines(points, lambda side: side[1])
    return {"errors": errors, "latency": ms}


def _side(seen: Observation | None) -> list[float | None]:
    """Share of errors, and at most how many milliseconds half of them took."""
    if seen is None or not seen.requests:
        return [None, None]
    half = at_most(0.5, seen.latencies)
    return [round(seen.errors / seen.requests, 4), None if half is None else round(half * 1000, 1)]


def _lines(points: Sequence[Point], figure: Callable[[list[float | None]], float | None]) -> dict[str, Any]:
    values = {side: [figure(one[side]) for one in points] for side in ("blue", "green")}
    most = max((value for line in values.values() for value in line if value is not None), default=0.0) or 1.0
    drawn = {side: _polyline(line, most) for side, line in values.items()}
    return {**drawn, "most": most, "last": {side: _last(line) for side, line in values.items()}}


def _polyline(values: Sequence[float | None], most: float) -> str:
    step = WIDTH / (len(values) - 1)
    known = [
        (n * step, HEIGHT - 1 - (HEIGHT - 2) * value / most) for n, value in enumerate(values) if value is not None
    ]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in known)


def _last(values: Sequence[float | None]) -> float | None:
    return next((one for one in reversed(values) if one is not None), None)
