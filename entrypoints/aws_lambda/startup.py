"""How each function starts: settings, logs, metrics and the container, before any event."""

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from entrypoints.composition.container import Container, build_container
from infrastructure.configuration.log_format import configure_logging
from infrastructure.configuration.settings import SettingsError

logger = logging.getLogger(__name__)

Function = TypeVar("Function")
Build = Callable[[Container, Callable[[], None]], Function]
"""Builds a function from the container and from what writes its metrics down."""


def start(environ: Mapping[str, str], build: Build[Function]) -> Function:
    """What ``build`` makes of the settings in ``environ``.

    What goes wrong is logged in one line, wrong settings by their names, and raised: Lambda
    then reports that the function does not start.
    """
    configure_logging("INFO")
    try:
        container = build_container(environ)
        settings = container.settings()
        configure_logging(settings.log_level)
        metrics = container.cloudwatch_metrics()
        container.metrics.override(metrics)
        return build(container, metrics.flush)
    except SettingsError as error:
        logger.critical("wrong settings", extra={"reason": "; ".join(error.problems)})
        raise
    except Exception as error:
        logger.critical("cannot start", extra={"error": type(error).__name__}, exc_info=error)
        raise
