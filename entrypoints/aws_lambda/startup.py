"""How each function starts, and what surrounds each of its invocations."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, TypeVar

from entrypoints.composition.container import Container, build_container
from infrastructure.configuration.log_format import configure_logging, log_aws_request_id
from infrastructure.configuration.settings import SettingsError

logger = logging.getLogger(__name__)

Function = TypeVar("Function")
Build = Callable[[Container, Callable[[], None]], Function]
"""Builds a function from the container and from what writes its metrics down."""


class LambdaContext(Protocol):
    """Of what Lambda tells about an invocation, what a function on a schedule uses."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """How much of the function's time is left."""


@contextmanager
def invocation(aws_request_id: str | None, flush_metrics: Callable[[], None]) -> Iterator[None]:
    """What is logged carries the request id; metrics are written down also after an error."""
    with log_aws_request_id(aws_request_id):
        try:
            yield
        finally:
            flush_metrics()


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
        container.refusals.override(container.logged_refusals)
        return build(container, metrics.flush)
    except SettingsError as error:
        logger.critical("wrong settings", extra={"reason": "; ".join(error.problems)})
        raise
    except Exception as error:
        logger.critical("cannot start", extra={"error": type(error).__name__}, exc_info=error)
        raise
