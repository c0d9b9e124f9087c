"""The values of ``frontdesk send``'s options: read, or refused with the form that is expected."""

import mimetypes
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import click

MAX_LATITUDE = 90
MAX_LONGITUDE = 180


class Place(NamedTuple):
    """A location that somebody shares."""

    latitude: float
    longitude: float
    label: str


def reading(
    read: Callable[[str], object],
) -> Callable[[click.Context, click.Parameter, str | tuple[str, ...] | None], object]:
    """An option's callback that applies ``read`` to each value that was given."""

    def callback(
        _ctx: click.Context, _param: click.Parameter, value: str | tuple[str, ...] | None
    ) -> object:
        if isinstance(value, tuple):
            return tuple(map(read, value))
        return None if value is None else read(value)

    return callback


def read_url(value: str) -> str:
    """``value`` itself, if it is an absolute http or https URL."""
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s\x00-\x1f\x7f]", value):
        raise click.BadParameter(f"{value!r} is no URL like https://example.com/path")
    return value


def read_button(value: str) -> tuple[str, str]:
    """Text and payload of ``TEXT=PAYLOAD``; without a payload the text is sent back."""
    text, separator, payload = value.partition("=")
    if not text:
        raise click.BadParameter("the button needs a text: TEXT or TEXT=PAYLOAD")
    return text, payload if separator else text


def read_place(value: str) -> Place:
    """The place in ``LAT,LON`` or ``LAT,LON,LABEL``, in degrees."""
    latitude, _, rest = value.partition(",")
    longitude, _, label = rest.partition(",")
    try:
        place = Place(float(latitude), float(longitude), label)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no place like 52.52,13.40,Berlin") from None
    if not (abs(place.latitude) <= MAX_LATITUDE and abs(place.longitude) <= MAX_LONGITUDE):
        raise click.BadParameter("latitude is -90 to 90, longitude -180 to 180")
    return place


def read_charset(value: str) -> str:
    """``value`` itself, if text can be encoded in it."""
    try:
        "".encode(value)
    except (LookupError, ValueError):
        raise click.BadParameter(f"there is no character set {value!r}") from None
    return value


def read_html(value: str) -> str:
    """HTML itself, or what the file of this name holds. Only what has a tag in it is HTML."""
    if "<" in value:
        return value
    try:
        return Path(value).read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise click.BadParameter(
            f"{value!r} is neither HTML nor a readable file ({reason})"
        ) from None


def media_type(url: str) -> str:
    """The content type that a media URL suggests; phones mostly send pictures."""
    return mimetypes.guess_type(urlsplit(url).path)[0] or "image/jpeg"
