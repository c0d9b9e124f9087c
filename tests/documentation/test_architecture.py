"""The tables of the architecture page say what the code does."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

import application
import application.ports
import infrastructure
from application.receiving.error_responses import INTERNAL_ERROR, response_to
from domain import errors
from tests.documentation.documents import cells, prose

PAGE = "docs/architecture.md"
COLUMNS = {
    "sqlite": "SQLite",
    "filesystem": "files",
    "aws": "AWS",
    "memory": "memory",
    "channels": "provider",
    "serialization": "other",
    "separate_steps": "other",
    "prometheus": "other",
}


def classes_of(package: ModuleType) -> Iterator[type]:
    """Every class that is defined below a package."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        for member in vars(module).values():
            if inspect.isclass(member) and member.__module__ == module.__name__:
                yield member


def is_port(member: type) -> bool:
    return bool(getattr(member, "_is_protocol", False))


def test_table_of_ports_says_who_fills_them() -> None:
    adapters = [one for one in classes_of(infrastructure) if not is_port(one)]
    expected = {
        (port.__name__, COLUMNS[one.__module__.split(".")[1]], one.__name__)
        for port in classes_of(application.ports)
        if is_port(port)
        for one in adapters
        if port in one.__mro__
    }
    listed = {
        (row[0].strip("`"), column, name)
        for row in cells(PAGE, "## Ports")
        for column, cell in zip(dict.fromkeys(COLUMNS.values()), row[2:], strict=True)
        for name in re.findall(r"`(\w+)`", cell)
    }
    assert listed == expected


def test_steps_of_a_webhook_name_use_cases() -> None:
    names = {one.__name__ for one in classes_of(application)}
    rows = cells(PAGE, "## The way of a webhook")
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row[1])]
    assert len(named) >= len(rows)
    assert [name for name in named if name not in names] == []


def test_table_of_outcomes_has_every_status() -> None:
    section = prose(PAGE).partition("\n## Ports\n")[0]
    listed = {int(status) for status in re.findall(r"^\| .* \| (\d{3})\b.*\|$", section, re.M)}
    raised = [one for one in vars(errors).values() if inspect.isclass(one)]
    refusals = [
        one for one in raised if issubclass(one, errors.RefusedError | errors.TemporaryError)
    ]
    answered = {response_to(one("invented")).status for one in refusals}
    assert listed == {200, INTERNAL_ERROR.status, *answered}


def test_table_of_errors_names_errors_of_the_domain() -> None:
    rows = cells(PAGE, "Errors say what to do, not where they came from:")
    named = [name for row in rows for name in re.findall(r"`(\w+Error)`", row[0])]
    assert named == ["RefusedError", "TemporaryError", "PermanentError"]
    assert [name for name in named if not hasattr(errors, name)] == []
