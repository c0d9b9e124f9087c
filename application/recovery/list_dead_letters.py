"""List dead letters, page by page."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from application.companies import FindCompany
from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters, ignore
from application.ports.pages import MOST_LOOKED_AT, Page, read_cursor, write_cursor
from application.recovery.describe_dead_letter import DescribedDeadLetter, DescribeDeadLetter
from domain.errors import DeadLetterNotFoundError, InvalidCursorError
from domain.times import parse_rfc3339, rfc3339

_LIST_NAME = "dead letters"


@dataclass(frozen=True)
class ListDeadLetters:
    """Reads one page, and looks at ``MOST_LOOKED_AT`` dead letters for it at most.

    A page may therefore be short or empty and have a cursor all the same.
    """

    dead_letters: DeadLetters
    describe: DescribeDeadLetter
    find_company: FindCompany

    def __call__(
        self,
        limit: int = 50,
        *,
        kind: DeadLetterKind | None = None,
        company_ids: Collection[str] | None = None,
        after: str | None = None,
        unreadable: Callable[[str], None] = ignore,
    ) -> Page[DescribedDeadLetter]:
        """At most ``limit`` dead letters, the oldest first: of one ``kind``, of these companies.

        ``unreadable`` is told the place of each that cannot be read. Raises
        ``InvalidCursorError`` and ``StorageUnavailableError``.
        """
        place = _place(after) if after is not None else None
        each = self.dead_letters.each_dead_letter(after=place, unreadable=unreadable)
        found: list[DescribedDeadLetter] = []
        last: DeadLetter | None = None
        left = MOST_LOOKED_AT
        while left and len(found) < limit and (last := next(each, None)):
            left -= 1
            if kind in (None, last.kind):
                described = self.describe(last)
                if company_ids is None or self._company_of(described) in company_ids:
                    found.append(described)
        return Page(tuple(found), _cursor(last) if last else None)

    def one(self, dead_letter_id: str) -> DescribedDeadLetter:
        """The dead letter with this id, or ``DeadLetterNotFoundError``."""
        dead_letter = self.dead_letters.get(dead_letter_id)
        if dead_letter is None:
            raise DeadLetterNotFoundError("there is no dead letter with this id")
        return self.describe(dead_letter)

    def _company_of(self, described: DescribedDeadLetter) -> str | None:
        return self.find_company.of_webhook(described.account, described.messages)


def _cursor(last: DeadLetter) -> str:
    return write_cursor(_LIST_NAME, rfc3339(last.created_at), last.dead_letter_id)


def _place(cursor: str) -> tuple[datetime, str]:
    created_at, dead_letter_id = read_cursor(_LIST_NAME, cursor, 2)
    try:
        return parse_rfc3339(created_at), dead_letter_id
    except ValueError as error:
        raise InvalidCursorError("this cursor is not one of this list") from error
