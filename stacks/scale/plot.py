"""The picture of a run as SVG: what teams used over time, and how much of it was borrowed. Pure.

Written by hand: the same samples give the same text, and no library is installed for one picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from stacks.scale.findings import Sample
from stacks.scale.plan import Appetite, TeamPlan

WIDTH, LEFT, RIGHT = 960, 70, 20
TOP, HIGH = 60, 330
LOW_TOP, LOW_HIGH = 450, 110
POINTS = 200
"""Samples that are drawn at the most; the figures are of all of them."""
SHADES = {
    Appetite.FLOOD: ("#d9730d", "#eb9a4b"),
    Appetite.STEADY: ("#2b6cb0", "#5b95cf"),
    Appetite.LITTLE: ("#2f855a", "#62b28a"),
}
WORDS = {
    Appetite.FLOOD: "teams that flood",
    Appetite.STEADY: "teams of steady work",
    Appetite.LITTLE: "teams that want little",
}


def picture(samples: Sequence[Sample], plans: Sequence[TeamPlan], capacity: int) -> str:
    """Return the SVG; teams lie on each other by how much they want."""
    step = max(1, len(samples) // POINTS)
    drawn = [*samples[::step], *samples[-1:]]
    end = max(drawn[-1].at, 1.0)

    def across(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * at / end

    def up(value: float) -> float:
        return TOP + HIGH * (1 - value / (capacity * 1.05))

    def share(value: float) -> float:
        return LOW_TOP + LOW_HIGH * (1 - value)

    times = [across(s.at) for s in drawn]
    parts = [*_frame(end, across), *_scale([0, capacity / 4, capacity / 2, capacity * 0.75], up)]
    ordered = sorted(plans, key=lambda p: (list(SHADES).index(p.appetite), p.name))
    below = [0.0] * len(drawn)
    for number, plan in enumerate(ordered):
        above = [b + s.used.get(plan.name, 0) for b, s in zip(below, drawn, strict=True)]
        shape = _area(times, [up(v) for v in above], [up(v) for v in below])
        colour = SHADES[plan.appetite][number % 2]
        parts.append(f'<path d="{shape}" fill="{colour}"><title>{escape(plan.name)}</title></path>')
        below = above
    parts += [
        _level(up(capacity), f"{capacity} accelerators in all", "#c53030"),
        _level(up(sum(p.gpus for p in plans)), "guaranteed to teams", "#1a202c"),
    ]
    lent = [_borrowed(s, {p.name: p.gpus for p in plans}) / capacity for s in drawn]
    shape = _area(times, [share(v) for v in lent], [share(0)] * len(lent))
    parts += [f'<path d="{shape}" fill="#805ad5"/>', *_scale([0, 0.5, 1], share, "{:.0%}")]
    return "\n".join([*_head(), *parts, *_legend(ordered), "</svg>"]) + "\n"


def _borrowed(seen: Sample, own: Mapping[str, int]) -> int:
    return sum(max(0, seen.used.get(name, 0) - of) for name, of in own.items())


def _area(across: Sequence[float], above: Sequence[float], below: Sequence[float]) -> str:
    there = [f"{x:.1f} {y:.1f}" for x, y in zip(across, above, strict=True)]
    back = [f"{x:.1f} {y:.1f}" for x, y in zip(across, below, strict=True)][::-1]
    return f"M{' '.join([*there, *back])}Z"


def _head() -> list[str]:
    height = LOW_TOP + LOW_HIGH + 50
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12" fill="#1a202c">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(LEFT, 22, "Accelerators in use, by team", 'font-size="15"'),
        _text(LEFT, LOW_TOP - 14, "Part of all accelerators that is borrowed", 'font-size="15"'),
    ]


def _frame(end: float, across: Callable[[float], float]) -> list[str]:
    minutes = max(1, round(end / 60 / 8))
    found = []
    for number in range(0, int(end // 60) + 1, minutes):
        x, foot = across(number * 60), LOW_TOP + LOW_HIGH
        found.append(f'<path d="M{x:.1f} {TOP}V{foot}" stroke="#e2e8f0"/>')
        found.append(_text(x, foot + 18, f"{number} min", 'text-anchor="middle"'))
    return found


def _scale(
    values: Sequence[float], up: Callable[[float], float], form: str = "{:.0f}"
) -> list[str]:
    return [
        line
        for value in values
        for line in (
            f'<path d="M{LEFT} {up(value):.1f}H{WIDTH - RIGHT}" stroke="#cbd5e0"/>',
            _text(LEFT - 8, up(value) + 4, form.format(value), 'text-anchor="end"'),
        )
    ]


def _level(y: float, words: str, colour: str) -> str:
    line = f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{colour}" stroke-dasharray="6 4"/>'
    return line + _text(WIDTH - RIGHT, y - 5, words, f'text-anchor="end" fill="{colour}"')


def _legend(plans: Sequence[TeamPlan]) -> list[str]:
    found = []
    for number, appetite in enumerate(SHADES):
        x = 420 + 180 * number
        count = sum(plan.appetite is appetite for plan in plans)
        found.append(f'<rect x="{x}" y="12" width="12" height="12" fill="{SHADES[appetite][0]}"/>')
        found.append(_text(x + 18, 22, f"{count} {WORDS[appetite]}", ""))
    return found


def _text(x: float, y: float, words: str, how: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {how}>{escape(words)}</text>'
