"""What the pages ask for, beside what the API's routes ask for."""

from typing import Annotated

from fastapi import Depends, Request

from entrypoints.http.api.dependencies import TheContainer
from entrypoints.http.console.rendering import Page


def page_for(request: Request, container: TheContainer) -> Page:
    """What renders the answer to ``request``."""
    return Page(request, container.clock()(), container.settings().is_development)


ThePage = Annotated[Page, Depends(page_for)]
"""Renders the answer."""
