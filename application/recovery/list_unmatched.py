"""List unmatched messages, page by page."""

from collections.abc import Collection
from dataclasses import dataclass

from application.companies import FindCompany
from application.ports.message_store import MessageStore
from application.ports.pages import Page, page_of_wanted
from domain.errors import MessageNotFoundError
from domain.messages import MessageRecord, MessageState


@dataclass(frozen=True)
class ListUnmatched:
    """Reads one page, and looks at ``MOST_LOOKED_AT`` messages for it at most.

    A page may therefore be short or empty and have a cursor all the same.
    """

    messages: MessageStore
    find_company: FindCompany

    def __call__(
        self,
        limit: int = 50,
        *,
        company_ids: Collection[str] | None = None,
        after: str | None = None,
    ) -> Page[MessageRecord]:
        """At most ``limit`` messages in order of receipt, of these companies if any are given.

        Raises ``InvalidCursorError``.
        """
        return page_of_wanted(
            lambda size, cursor: self.messages.list_unmatched(size, after=cursor),
            lambda record: (
                company_ids is None or self.find_company.of_message(record.message) in company_ids
            ),
            limit,
            after,
        )

    def one(self, request_id: str) -> MessageRecord:
        """The unmatched message with this request id, or ``MessageNotFoundError``."""
        record = self.messages.find_record(request_id)
        if not isinstance(record, MessageRecord) or record.state is not MessageState.UNMATCHED:
            raise MessageNotFoundError("there is no unmatched message with this request id")
        return record
