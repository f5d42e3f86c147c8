"""Lag and changed keys of the rounds there were, to green before the switch and back to blue after it, as points."""

from collections.abc import Callable, Sequence
from typing import Any

from .models import Direction, Round

LATEST = 60
WIDTH, HEIGHT = 240, 48


def charts(newest_first: Sequence[Round]) -> dict[str, Any]:
    """Polylines of both ways over one time, each chart under a scale of its own; empty before there are two rounds."""
    rounds = list(reversed(newest_first))
    if len(rounds) < 2:
        return {}
    return {"lag": _lines(rounds, lambda one: one.seconds), "keys": _lines(rounds, lambda one: float(one.keys))}


def _lines(rounds: Sequence[Round], figure: Callable[[Round], float]) -> dict[str, Any]:
    began = rounds[0].at.timestamp()
    span, most = rounds[-1].at.timestamp() - began or 1.0, max(map(figure, rounds)) or 1.0
    drawn: dict[str, list[str]] = {way: [] for way in Direction.values}
    for one in rounds:
        across, down = (one.at.timestamp() - began) / span, figure(one) / most
        drawn[one.direction].append(f"{WIDTH * across:.1f},{HEIGHT - 1 - (HEIGHT - 2) * down:.1f}")
    last = {way: next((figure(one) for one in reversed(rounds) if one.direction == way), None) for way in drawn}
    return {**{way: " ".join(points) for way, points in drawn.items()}, "most": most, "last": last}
