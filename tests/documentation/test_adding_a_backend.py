"""The backend of the guide works as it is written, and its list of contracts is complete."""

import importlib
import inspect
import pkgutil
from typing import Any

import pytest

from application import ports
from tests.documentation.documents import ROOT, blocks, cells, files, imported

GUIDE = "docs/adding-a-backend.md"
PORTS = [
    importlib.import_module(f"application.ports.{found.name}")
    for found in pkgutil.iter_modules(ports.__path__)
]

_modules = {path: imported(path, code) for path, code in files(GUIDE).items()}

# Its name makes pytest run the contract on the adapter of the guide.
TestSqliteBlobStore = _modules[
    "tests/infrastructure/sqlite/test_sqlite_blobs.py"
].TestSqliteBlobStore


def listed() -> dict[str, str]:
    """Each port of the guide, and its contract or why it has none."""
    rows = cells(GUIDE, "## Ports and contracts")
    return {port.strip("`"): contract for port, _, contract in rows}


def test_guide_names_every_port() -> None:
    named = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in PORTS
        for name, member in vars(module).items()
        if inspect.isclass(member) and getattr(member, "_is_protocol", False)
        if member.__module__ == module.__name__
    }
    assert named == set(listed())


@pytest.mark.parametrize("contract", sorted({c for c in listed().values() if "`" in c}))
def test_each_contract_named_in_the_guide_exists(contract: str) -> None:
    module, name = contract.strip("`").split(".")
    found: Any = getattr(importlib.import_module(f"tests.contracts.{module}"), name)
    assert any(test.startswith("test_") for test in dir(found))


def test_every_contract_is_named_in_the_guide() -> None:
    contracts = {path.stem for path in (ROOT / "tests" / "contracts").glob("*.py")}
    named = {contract.strip("`").split(".")[0] for contract in listed().values()}
    parts_and_tools = {
        "__init__",
        "concurrency",
        "conversation_changes",
        "conversation_lists",
        "cursors",
        "diagnosed_refusals",
        "message_lists",
        "moved_contexts",
    }
    assert contracts - parts_and_tools == {name for name in named if not name.startswith("none")}


def test_backend_choice_in_the_guide_differs_from_the_code_only_in_the_blobs() -> None:
    backends = (ROOT / "entrypoints" / "composition" / "backends.py").read_text("utf-8")
    (choice,) = (block for block in blocks(GUIDE, "python") if "return SqliteFiles(" in block)
    lines = [line for line in choice.splitlines() if line.strip() and "SqliteFiles" not in line]
    assert [line for line in lines if f"{line}\n" not in backends] == []
