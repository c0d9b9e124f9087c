"""The glossary and the code use the same words."""

import ast
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import pytest
from click.testing import CliRunner

from entrypoints.cli.main import cli
from infrastructure.configuration.log_format import FIELDS
from infrastructure.configuration.setting_rules import RENAMED
from infrastructure.configuration.settings import VARIABLES
from tests.documentation.documents import DOCUMENTS, ROOT, prose, tables, text_of

GLOSSARY = "docs/glossary.md"
PACKAGES = ("domain", "application", "infrastructure", "entrypoints")
SOURCES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]

RETIRED = {
    "answer_claims?": None,
    "answer_unknown_sender": None,
    "aside": None,
    "automatic_answers?": None,
    "automation": None,
    "believ(e|es|ed)": None,
    "bur(y|ied)": None,
    "claims?": "claim_check",
    "deliver_message": None,
    "discard": None,
    "doubts": None,
    "ending": None,
    "erase_sender": None,
    "erased_message": None,
    "examine": None,
    "facts": None,
    "find_sender": None,
    "findings?": None,
    "forget": None,
    "gates?": None,
    "impatient": None,
    "is_entry": None,
    "kept": None,
    "left_?behind": None,
    "leftovers?": None,
    "letters?": "dead_letters?",
    "^once$": None,
    "orderly": None,
    "outgoing": None,
    "proven": None,
    "receive_message": "receive_message_wait_time_seconds",
    "relay_pending": None,
    "^room$": None,
    "swe(ep|eps|pt)": None,
    "telling": None,
    "tenanc(y|ies)": None,
    "told": None,
    "traits?": None,
    "verdict": None,
    "vouch(es|ed)?": None,
    "welcome": None,
    "wire": None,
    "work(ed)?_off": None,
}
"""Retired words of names, each with a longer term in which it is not retired."""


def words(name: str) -> str:
    """The words of a name in lower case, joined by ``_``: ``DeadLetters`` is ``dead_letters``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+", "_", name)
    return spaced.strip("_").lower()


def defined_in(source: str) -> Iterator[str]:
    """Every name that a module defines: classes, functions, parameters, attributes, variables."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def written_in(source: str) -> Iterator[str]:
    """Stored attributes, metrics and other names that a module writes as text."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)) if re.fullmatch(r"[A-Za-z]\w*", text):
                yield text


def columns() -> Iterator[str]:
    """The tables, indexes and columns of the embedded databases."""
    with TemporaryDirectory() as directory:
        CliRunner(env={"DATA_DIR": directory}).invoke(cli, ["demo"], catch_exceptions=False)
        for path in Path(directory).glob("*.db"):
            with closing(sqlite3.connect(path)) as connection:
                for (name,) in [*connection.execute("SELECT name FROM sqlite_schema")]:
                    yield name
                    yield from (row[1] for row in connection.execute(f"PRAGMA table_info({name})"))


def commands(command: click.Command) -> Iterator[str]:
    """Every command and option below a command."""
    yield command.name or ""
    yield from (parameter.name or "" for parameter in command.params)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from commands(below)


def template_names() -> Iterator[str]:
    """Every key of the deployment's template, and the names of its queues, alarms and functions."""
    template = text_of("deploy/template.yaml")
    yield from re.findall(r"^ *([A-Za-z][A-Za-z0-9_]*):", template, re.M)
    yield from re.findall(r"\$\{AWS::StackName\}-([a-z-]+)", template)


def headings() -> Iterator[str]:
    """The headings of every document."""
    for document in DOCUMENTS:
        yield from re.findall(r"^#+ (.*)$", prose(document), re.M)


KINDS = {
    "modules": lambda: [path.stem for path in SOURCES] + [path.parent.name for path in SOURCES],
    "names": lambda: [name for path in SOURCES for name in defined_in(path.read_text("utf-8"))],
    "texts": lambda: (
        {name for path in SOURCES for name in written_in(path.read_text("utf-8"))} - set(RENAMED)
    ),
    "columns": columns,
    "settings": lambda: list(VARIABLES),
    "log fields": lambda: FIELDS,
    "commands": lambda: commands(cli),
    "template": template_names,
    "headings": headings,
}


def retired_in(names: Iterable[str]) -> list[str]:
    """The names that hold a retired word."""
    return sorted(name for name in set(names) if _is_retired(words(name)))


_ANY_RETIRED = re.compile(rf"(?<![a-z])({'|'.join(RETIRED)})(?![a-z])")


def _is_retired(name: str) -> bool:
    if not _ANY_RETIRED.search(name):
        return False  # as nearly always
    for retired, allowed in RETIRED.items():
        rest = re.sub(rf"(?<![a-z])({allowed})(?![a-z])", "", name) if allowed else name
        if re.search(rf"(?<![a-z])({retired})(?![a-z])", rest):
            return True
    return False


@pytest.mark.parametrize("name", ["gate_key", "AnswerClaims", "letterId", "is_kept", "SWEPT"])
def test_retired_name_is_found(name: str) -> None:
    assert retired_in([name]) == [name]


@pytest.mark.parametrize("name", ["api_gateway", "ClaimCheck", "dead_letter_ids", "DeadLetters"])
def test_other_name_is_not_taken_for_a_retired_one(name: str) -> None:
    assert retired_in([name]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_retired_name_is_used(kind: str) -> None:
    assert retired_in(KINDS[kind]()) == []


def test_columns_of_every_embedded_role_are_found() -> None:
    assert {"messages", "request_id", "acquired_at", "receive_count"} <= {*columns()}


def test_every_term_of_the_glossary_is_used_in_code() -> None:
    sources = "\n".join(path.read_text("utf-8") for path in SOURCES)
    rows = [row for table in tables(GLOSSARY) for row in table]
    terms = [name for *_, in_code in rows for name in re.findall(r"`(\w+)`", in_code)]
    assert len(terms) >= len(rows)
    assert set(terms) - set(re.findall(r"\w+", sources)) == set()


def test_each_term_stands_in_the_glossary_once() -> None:
    terms = [row[0] for table in tables(GLOSSARY) for row in table]
    assert sorted(set(terms)) == sorted(terms)
