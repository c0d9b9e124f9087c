"""The page about operations says what the Lambda package holds."""

import re

from deploy.contents import CONTENTS
from tests.documentation.documents import cells


def test_table_has_every_distribution_of_the_package_once() -> None:
    rows = cells("docs/operations.md", "### Package")
    named = [name for row in rows for name in re.findall(r"`([\w-]+)`", row[0])]
    assert sorted(named) == sorted(CONTENTS)
