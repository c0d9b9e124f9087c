"""The documents use the glossary's words, and name who acts."""

import re

import pytest

from tests.documentation.documents import DOCUMENTS, prose

RETIRED = re.compile(
    r"(?i)\b(somebody|nobody|whoever|anybody|shall|vouch(es|ed)?|believe[sd]?|gates?|sweeps?|swept"
    r"|leftovers?|left behind|bury|buried|(put|puts) aside|work(s|ed)? off|outgoing"
    r"|automatic answers?|(?<!dead )(?<!dead-)letters?(?! and digits)"
    r"|claims?(?! check))\b"
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_retired_word_is_used(document: str) -> None:
    text = re.sub(r"\s+", " ", prose(document).partition("\n## Old names\n")[0])
    text = re.sub(
        r"`[^`]*`", "", text.replace("upper-case letters", "").replace("lower-case letters", "")
    )
    assert [found[0] for found in RETIRED.finditer(text)] == []
