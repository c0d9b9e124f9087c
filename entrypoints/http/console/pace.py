"""How often a page asks again for what is costly to find."""

_SHARE = 50
"""An open page may keep one of so many processors busy."""

_SOON = 0.1
"""What is over in so many seconds may have been slow by chance."""

_MOST_SECONDS = 60


def seconds_until_next(took: float, at_least: int) -> int:
    """How soon a page asks again, if it took so many seconds: what takes long is asked seldom."""
    return at_least if took < _SOON else max(at_least, min(round(took * _SHARE), _MOST_SECONDS))
