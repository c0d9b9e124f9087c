"""The overview: what comes in, what waits, and what needs attention."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from application.overview.sampled_numbers import (
    CHANNELS,
    NO_CHANNEL,
    OUTCOMES,
    received,
)
from application.overview.timeline import SPANS, Span, Timeline
from domain.channels import ChannelType
from entrypoints.http.api.dependencies import TheContainer, of_no_company
from entrypoints.http.console.overview.attention import troubles, under_way
from entrypoints.http.console.overview.cards import cards_of
from entrypoints.http.console.overview.figures import Figures, Overview
from entrypoints.http.console.overview.plots import (
    Plot,
    plots_of,
    rounded,
    span_name,
)
from entrypoints.http.console.overview.trouble import QUEUE_AGE_SECONDS
from entrypoints.http.console.page_dependencies import ThePage
from entrypoints.http.console.rendering import PAGE_HEADERS
from entrypoints.http.console.words import channel_name

router = APIRouter()

_NAMES = {str(channel): channel_name(channel) for channel in ChannelType}


def _overview(request: Request) -> Overview:
    overview: Overview = request.app.state.overview
    return overview


def _span(hours: Annotated[int, Query()] = 1) -> Span:
    return SPANS.get(hours, SPANS[1])


TheOverview = Annotated[Overview, Depends(_overview)]
TheSpan = Annotated[Span, Depends(_span)]


@router.get("/")
def show_overview(
    page: ThePage, container: TheContainer, overview: TheOverview, span: TheSpan
) -> Response:
    """The first page. Who may see some companies alone begins with their conversations."""
    if page.caller.token.companies is not None:
        return RedirectResponse("/conversations", 303)
    figures = overview.figures(span)
    plots = plots_of(figures.timeline, figures.waiting)
    channels = _named(figures.timeline)
    return page(
        "overview.html",
        figures=figures,
        span=span,
        spans={one.hours: span_name(one) for one in SPANS.values()},
        troubles=troubles(figures, container.refusals().latest, container.settings()),
        under_way=[*under_way(figures.waiting)],
        longest_wait=QUEUE_AGE_SECONDS,
        cards=cards_of(figures),
        plots=plots,
        live=_live(figures.timeline, plots),
        traffic=_traffic(figures.timeline, channels),
        channels=[_NAMES.get(channel, "No channel") for channel in channels],
        since_samples=figures.sampled_since and figures.sampled_since < figures.started_at,
        is_new=_is_new(figures),
    )


@router.get("/overview/series", dependencies=[of_no_company])
def show_series(overview: TheOverview, span: TheSpan) -> Response:
    """What the script of the page draws: each plot with its lines, step by step."""
    figures = overview.figures(span)
    timeline = figures.timeline
    content = {
        "start": timeline.starts[0],
        "step": span.step_seconds,
        "plots": {
            plot.name: _drawn(plot, timeline) for plot in plots_of(timeline, figures.waiting)
        },
    }
    headers = {**PAGE_HEADERS, "content-type": "application/json"}
    return Response(json.dumps(content, separators=(",", ":")), headers=headers)


def _drawn(plot: Plot, timeline: Timeline) -> dict[str, Any]:
    return {
        "unit": plot.unit,
        "is_stacked": plot.is_stacked,
        "labels": [line.label for line in plot.lines],
        "lines": [[*map(rounded, line.draw(timeline))] for line in plot.lines],
    }


def _live(timeline: Timeline, plots: list[Plot]) -> str:
    """The last step of each line, which is still going on."""
    tail = timeline.tail
    latest = {plot.name: [rounded(line.draw(tail)[-1]) for line in plot.lines] for plot in plots}
    return json.dumps({"start": timeline.starts[-1], "plots": latest})


def _is_new(figures: Figures) -> bool:
    """Whether no webhook has ever come in, as far as can be told. Scanners post none."""
    names = (received(channel, outcome) for channel in ChannelType for outcome in OUTCOMES)
    return not figures.timeline.total(*names) and not any(figures.waiting.values())


def _traffic(timeline: Timeline, channels: Iterable[str]) -> dict[str, list[float]]:
    """How many of each channel had each outcome."""
    return {
        outcome: [timeline.total(received(channel, outcome)) for channel in channels]
        for outcome in OUTCOMES
    }


def _named(timeline: Timeline) -> list[str]:
    """The channels. What named none is seldom there."""
    unnamed = timeline.total(*(received(NO_CHANNEL, outcome) for outcome in OUTCOMES))
    return [channel for channel in CHANNELS if channel != NO_CHANNEL or unnamed]
