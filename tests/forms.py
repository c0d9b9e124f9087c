"""Forms of a test: a short one for every run, and a longer one that ``make check`` adds."""

from typing import Any

import pytest


def short_and_long(short: object, long: object) -> list[Any]:
    """The parameters of a test that has both forms; a tuple has a value for each of several.

    Pytest leaves the longer one out unless it is called with ``-m long``.
    """
    return [_parameters(short), _parameters(long, pytest.mark.long)]


def _parameters(values: object, *marks: pytest.MarkDecorator) -> Any:
    return pytest.param(*(values if isinstance(values, tuple) else (values,)), marks=marks)
