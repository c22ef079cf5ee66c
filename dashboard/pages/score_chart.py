"""The scores of a photo as a radar chart: an axis for each aspect, and an outline."""

import math
from dataclasses import dataclass
from typing import Final

from aijobs.domain.photos import Analysis, Aspect

CENTRE: Final = 50.0
REACH: Final = 42.0  #: length of an axis; the picture is 100 wide


@dataclass(frozen=True)
class Score:
    """One aspect, and the end point of its axis."""

    name: str
    aspect: Aspect
    end_x: float
    end_y: float


def scores_of(analysis: Analysis) -> list[Score]:
    aspects = list(analysis.aspects.items())
    return [Score(name, aspect, *_point(number, len(aspects), 1.0)) for number, (name, aspect) in enumerate(aspects)]


def corners_of(analysis: Analysis) -> str:
    """The outline, as SVG's `points`. Aspects without a score are left out."""
    aspects = list(analysis.aspects.values())
    points = [
        _point(number, len(aspects), aspect.score / 100)
        for number, aspect in enumerate(aspects)
        if aspect.score is not None
    ]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _point(number: int, count: int, share: float) -> tuple[float, float]:
    """The first axis points upwards, the others follow clockwise."""
    angle = 2 * math.pi * number / count
    return round(CENTRE + REACH * share * math.sin(angle), 2), round(CENTRE - REACH * share * math.cos(angle), 2)
