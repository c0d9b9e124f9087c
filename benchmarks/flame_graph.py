"""Draws stacks with weights as a still picture: wide is expensive, the root is on top.

py-spy's own pictures are interactive, weigh half a megabyte, and know nothing of imports. This
one leaves out what is too narrow to be seen, and draws imports and samples alike.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

Stacks = Mapping[tuple[str, ...], float]
"""The weight of each stack; its root comes first."""

WIDTH = 1200
ROW = 17
HEAD = 50
NARROWEST = 3.0
"""Pixels: what is narrower is not drawn."""

CHARACTER = 6.3
SMALLEST_TEXT = 30.0
OURS = ("domain", "application", "infrastructure", "entrypoints")
COLOURS = {"Frontdesk": "#9ecae1", "library": "#fdd0a2", "standard library": "#e0e0e0"}


@dataclass
class Node:
    """A frame under those above it."""

    weight: float = 0.0
    children: dict[str, "Node"] = field(default_factory=dict)

    def add(self, stack: tuple[str, ...], weight: float) -> None:
        """Count a stack below this frame."""
        node = self
        node.weight += weight
        for name in stack:
            node = node.children.setdefault(name, Node())
            node.weight += weight


def draw(stacks: Stacks, title: str, unit: str) -> str:
    """The picture as SVG. ``unit`` is said after the total, as in "1,234 samples"."""
    root = Node()
    for stack, weight in stacks.items():
        root.add(stack, weight)
    boxes = [*_boxes(root, 0.0, 0, WIDTH / (root.weight or 1), root.weight)]
    height = HEAD + ROW * (1 + max((row for row, _ in boxes), default=0)) + 4
    legend = "".join(
        f'<rect x="{x}" y="30" width="12" height="12" fill="{COLOURS[kind]}"/>'
        f'<text x="{x + 17}" y="40">{kind}</text>'
        for x, kind in zip((4, 110, 190), COLOURS, strict=True)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="10.5">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n'
        f'<text x="4" y="18" font-size="15">{escape(title)}: {root.weight:,.0f} {unit}</text>\n'
        f"{legend}\n" + "\n".join(box for _, box in boxes) + "\n</svg>\n"
    )


def _boxes(node: Node, x: float, row: int, scale: float, total: float) -> Iterator[tuple[int, str]]:
    for name, child in sorted(node.children.items(), key=lambda item: -item[1].weight):
        width = child.weight * scale
        if width >= NARROWEST:
            yield row, _box(name, x, row, width, child.weight / total)
            yield from _boxes(child, x, row + 1, scale, total)
        x += width


def _box(name: str, x: float, row: int, width: float, share: float) -> str:
    y, colour = HEAD + row * ROW, COLOURS[_kind(name)]
    rect = f'<rect x="{x:.1f}" y="{y}" width="{width - 0.5:.1f}" height="16" fill="{colour}"/>'
    tooltip = f"<title>{escape(name)} ({share:.1%})</title>"
    if width < SMALLEST_TEXT:
        return f"<g>{tooltip}{rect}</g>"
    shown = escape(name[: int((width - 4) / CHARACTER)])
    return f'<g>{tooltip}{rect}<text x="{x + 3:.1f}" y="{y + 12}">{shown}</text></g>'


def _kind(name: str) -> str:
    """Whose code it is, by the module or file that a frame's name contains."""
    place = name.rpartition(" (")[2].rstrip(")").replace("/", ".")
    package = place.removeprefix("<frozen ").split(".")[0]
    if package in OURS:
        return "Frontdesk"
    return "standard library" if package in sys.stdlib_module_names else "library"
