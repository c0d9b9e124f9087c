"""What unknown senders wrote, and how it is delivered."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from application.clock import Deadline
from application.conversations.change_conversation import StaleConversationError
from application.conversations.search_conversations import ConversationFilter
from application.recovery.redrive_sender import RedrivenSender
from domain.conversations import ACTIVE, Conversation, StateChange
from domain.errors import (
    ConversationNotFoundError,
    InvalidAddressError,
    MessageNotFoundError,
    UnknownRecipientError,
)
from domain.messages import InboundMessage, MessageRecord
from entrypoints.composition.container import Container
from entrypoints.composition.operations_container import OperationsContainer
from entrypoints.http.access.access import Caller
from entrypoints.http.access.problems import ProblemError, invalid
from entrypoints.http.api.conversation_routes import require_visible
from entrypoints.http.api.cursors import Cursors
from entrypoints.http.api.dependencies import (
    After,
    Identifier,
    TheCaller,
    TheContainer,
    TheCursors,
    TheOperations,
)
from entrypoints.http.api.unmatched_routes import visible_message
from entrypoints.http.console.notices import Link, Notice
from entrypoints.http.console.page_dependencies import ThePage
from entrypoints.http.console.places import conversation_page, trace_page
from entrypoints.http.console.posted_forms import PostedForm, ThePostedForm
from entrypoints.http.console.recovery.unmatched_senders import (
    GroupBySender,
    NextStep,
    UnmatchedSender,
)
from entrypoints.http.console.rendering import Page

router = APIRouter(prefix="/unmatched")

PAGE_SIZE = 20
LONGEST_VALUE = 1000
"""Characters in a field, as in the API."""

DELIVER_SECONDS = 5.0
"""How long delivering may go on: browsers wait 15 s, and the last message may take 8."""

_MOST_FOUND = 3
_GONE = (
    "This message is not unmatched any more: it was delivered or erased meanwhile. Nothing was "
    "done."
)
_NOT_CLOSED = (
    "Nothing was done: the sender's conversation is open by now, or was deleted. See below what to "
    "do now."
)
_UNKNOWN_AUTHOR = (
    "Nothing was done: a mailing list sent the message without its author's address, so it joins "
    "no conversation. A human has to answer it."
)
_NO_RECIPIENT = (
    "Nothing was done: {recipient} with account {account} belongs to no company. Correct TENANTS "
    "or, at the provider, the account of this address. Then deliver."
)


@dataclass(frozen=True)
class _Desk:
    """Unmatched messages as one caller sees them."""

    page: Page
    container: Container
    operations: OperationsContainer
    caller: Caller
    cursors: Cursors

    def show(
        self, notice: Notice | None = None, status: int = 200, after: str | None = None
    ) -> Response:
        found = self.operations.list_unmatched()(
            PAGE_SIZE,
            company_ids=self.caller.token.companies,
            after=self.cursors.opened(after),
        )
        cursor = self.cursors.sealed(found.cursor)
        response = self.page(
            "unmatched.html",
            status,
            senders=[*self.senders(found.items)],
            steps=NextStep,
            after=after,
            more=f"/unmatched?{urlencode({'after': cursor})}" if cursor else None,
            notice=notice,
        )
        if self.page.request.method == "POST":
            response.headers["hx-replace-url"] = "/unmatched"
        return response

    def senders(self, records: Iterable[MessageRecord]) -> Iterator[UnmatchedSender]:
        """Who wrote ``records``, and what stands in the way of each."""
        groups = GroupBySender(
            self.container.stores().lookup,
            self.operations.find_company().tenants(),
            self.caller.token.companies is None,
            self.container.settings().throttle_limits.window,
        )
        return groups(records)

    def record(self, request_id: str) -> MessageRecord | None:
        """The unmatched message, if the caller may see it."""
        try:
            return visible_message(request_id, self.operations, self.caller)
        except (MessageNotFoundError, ProblemError):
            return None

    def deliver(self, record: MessageRecord) -> RedrivenSender:
        companies, company_of = self.caller.token.companies, self.operations.find_company()
        return self.operations.redrive_sender()(
            record,
            Deadline.after(DELIVER_SECONDS),
            lambda one: companies is None or company_of.of_message(one.message) in companies,
        )

    def reopen(self, closed: Conversation) -> Conversation | None:
        """The conversation, open again; ``None`` if it is not closed any more."""
        require_visible(self.operations, self.caller, closed)
        # What a look-up found may lag behind.
        seen = self.container.conversation_store().get_conversation(closed.key)
        if seen is None or seen.is_open:
            return None
        change = StateChange(conversation_status=ACTIVE)
        try:
            return self.operations.change_conversation()(seen.key, change, if_match=seen.state.etag)
        except (ConversationNotFoundError, StaleConversationError):
            return None

    def conversations_of(self, record: MessageRecord) -> Sequence[Conversation]:
        """Some of the sender's conversations, open or closed, with any recipient."""
        message, companies = record.message, self.caller.token.companies
        try:
            wanted = ConversationFilter(message.sender.value, message.channel, None, companies)
            return self.operations.search_conversations()(wanted, _MOST_FOUND).items
        except InvalidAddressError:
            return ()


def _desk(
    page: ThePage,
    container: TheContainer,
    operations: TheOperations,
    caller: TheCaller,
    cursors: TheCursors,
) -> _Desk:
    return _Desk(page, container, operations, caller, cursors)


_TheDesk = Annotated[_Desk, Depends(_desk)]


@router.get("")
def list_unmatched(desk: _TheDesk, after: After = None) -> Response:
    """Unmatched messages by sender, in order of receipt."""
    return desk.show(after=after)


@router.post("/{request_id}/deliver")
def deliver(request_id: Identifier, desk: _TheDesk) -> Response:
    """Deliver what this sender wrote, to conversations that are open."""
    record = desk.record(request_id)
    if record is None:
        return desk.show(_gone(request_id), 409)
    redriven = desk.deliver(record)
    if redriven.delivered or redriven.by_others:
        return desk.show(_notice(redriven, ""))
    text = (
        "Nothing was delivered: no conversation is open that takes it. It is unmatched as before."
    )
    links = (
        Link(_address_of(one), f"The sender's conversation, {one.conversation_status}")
        for one in desk.conversations_of(record)
    )
    return desk.show(Notice(text, "warn", links=(*links,)), 409)


@router.get("/{request_id}/open")
def ask_for_company(request_id: Identifier, desk: _TheDesk) -> Response:
    """The form for a conversation of which the directory names no company."""
    record = desk.record(request_id)
    if record is None:
        return desk.show(_gone(request_id), 409)
    (sender,) = desk.senders([record])
    if not sender.has_no_company:
        return RedirectResponse("/unmatched", 303)
    return desk.page(
        "open_conversation.html",
        sender=sender,
        longest=LONGEST_VALUE,
    )


@router.post("/{request_id}/open")
def open_and_deliver(request_id: Identifier, desk: _TheDesk, form: ThePostedForm) -> Response:
    """Open a conversation for the sender, once, and deliver what this sender wrote."""
    record = desk.record(request_id)
    if record is None:
        return desk.show(_gone(request_id), 409)
    message = record.message
    (sender,) = desk.senders([record])
    if message.is_of_unknown_author:
        return desk.show(Notice(_UNKNOWN_AUTHOR, "warn"), 409)
    try:
        conversation, is_new = desk.container.open_conversation().of_sender(
            message, **{name: _value(form, name) for name in ("company_id", "company_name")}
        )
    except UnknownRecipientError:
        names = {"recipient": message.recipient.verbatim, "account": message.account}
        return desk.show(Notice(_NO_RECIPIENT.format(**names), "warn"), 409)
    require_visible(desk.operations, desk.caller, conversation)
    opened = "A conversation was open already."
    if is_new:
        opened = _opened(conversation, message, sender.named)
    return desk.show(_notice(desk.deliver(record), opened, conversation))


@router.post("/{request_id}/reopen")
def reopen_and_deliver(request_id: Identifier, desk: _TheDesk) -> Response:
    """Open the sender's closed conversation again, and deliver what this sender wrote."""
    record = desk.record(request_id)
    if record is None:
        return desk.show(_gone(request_id), 409)
    (sender,) = desk.senders([record])
    reopened = desk.reopen(sender.closed) if sender.closed else None
    if reopened is None:
        return desk.show(Notice(_NOT_CLOSED, "warn"), 409)
    return desk.show(_notice(desk.deliver(record), "The conversation is open again.", reopened))


def _notice(
    redriven: RedrivenSender, opened: str, conversation: Conversation | None = None
) -> Notice:
    """What became of the sender's messages, and where they are."""
    parts = [opened, _counted(redriven.delivered, "delivered")]
    if redriven.by_others:
        parts.append(f"{_counted(redriven.by_others, 'delivered or erased meanwhile')}")
    if redriven.unmatched:
        parts.append(f"{_counted(redriven.unmatched, 'still unmatched')}")
    if not redriven.is_complete:
        parts.append("The sender may have more further on in the list.")
    taken = redriven.conversation or conversation
    links = (Link(_address_of(taken), "To the conversation"),) if taken else ()
    is_done = redriven.is_complete and not redriven.unmatched
    return Notice(" ".join(filter(None, parts)), "ok" if is_done else "warn", links=links)


def _value(form: PostedForm, name: str) -> str | None:
    """What stands in a field that may be empty. Raises ``ProblemError`` (422)."""
    text = form.text(name)
    if len(text) > LONGEST_VALUE:
        raise invalid(name, f"at most {LONGEST_VALUE:,} characters")
    return text or None


def _opened(new: Conversation, message: InboundMessage, other: Conversation | None) -> str:
    """For which company it is open; or why for none, where another one of the sender has one."""
    if company := new.company_name or new.company_id:
        return f"A conversation is open now, for {company}."
    if other is None:
        return "A conversation is open now."
    return (
        f"A conversation is open now. It has no company, because TENANTS names none for "
        f"{message.recipient.verbatim}. The sender's other conversation is of "
        f"{other.company_name or other.company_id}."
    )


def _counted(number: int, what: str) -> str:
    return f"1 message is {what}." if number == 1 else f"{number} messages are {what}."


def _gone(request_id: str) -> Notice:
    return Notice(_GONE, "warn", links=(Link(trace_page(request_id), "What became of it"),))


def _address_of(conversation: Conversation) -> str:
    return conversation_page(conversation.primary_channel, conversation.conversation_id)
