"""A conversation: what was written, who answers, and whether it is open."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from application.conversations.change_conversation import StaleConversationError
from application.tracing.wording import other_queue, shell
from domain.channels import ChannelType
from domain.conversations import (
    CLOSED,
    SETTABLE_STATUSES,
    USER_REPLY_RECEIVED,
    Conversation,
    ConversationState,
    StateChange,
)
from domain.errors import InvalidStatusError
from domain.queues import QueueKind, QueueName
from entrypoints.composition.operations_container import OperationsContainer
from entrypoints.http.access.problems import ProblemError
from entrypoints.http.api.conversation_routes import VisibleConversation
from entrypoints.http.api.dependencies import After, TheOperations
from entrypoints.http.console.conversations.thread import HoldsFiles, Reading
from entrypoints.http.console.conversations.unmatched_beside import FindUnmatched, TheUnmatched
from entrypoints.http.console.notices import Link, Notice
from entrypoints.http.console.page_dependencies import ThePage
from entrypoints.http.console.places import conversation_page
from entrypoints.http.console.posted_forms import PostedForm, ThePostedForm
from entrypoints.http.console.rendering import Page

router = APIRouter(prefix="/conversations/{channel}/{conversation_id}")

PAGE_SIZE = 30
"""Messages on a page. Those of one moment stay together."""


@dataclass(frozen=True, slots=True)
class _Desk:
    """What each page of a conversation is made with."""

    page: Page
    operations: OperationsContainer
    unmatched: FindUnmatched


def _desk(page: ThePage, operations: TheOperations, unmatched: TheUnmatched) -> _Desk:
    return _Desk(page, operations, unmatched)


_TheDesk = Annotated[_Desk, Depends(_desk)]


@router.get("")
def show_conversation(found: VisibleConversation, desk: _TheDesk, after: After = None) -> Response:
    """The latest messages, or those before ``after``."""
    return _shown(desk, found, after=after)


@router.post("/hand-off")
def hand_off(found: VisibleConversation, desk: _TheDesk, form: ThePostedForm) -> Response:
    """Let a human answer, or the AI again."""
    wanted = {"human": True, "ai": False}.get(form.text("answers"))
    if wanted is None:
        raise ProblemError(422, "it is the AI or a human who answers")
    change = StateChange(hand_off_to_human=wanted)
    return _changed(desk, found, form, change=change, done=_answered_by(wanted, found))


def _answered_by(is_human: bool, found: Conversation) -> Notice:
    """Who answers from now on, and what becomes of that which waits already."""
    who = "A human answers" if is_human else "The AI answers"
    kind = QueueKind.HANDOFF if is_human else QueueKind.REPLIES
    queue = QueueName(found.primary_channel, kind)
    old = other_queue(queue)
    goes = f"{who}: the next message goes to {queue}."
    if not found.is_open:
        goes = f"{who}, once the conversation is open again."
    stays = f"What waits on {old} already stays there, for the consumer of that queue."
    link = Link(f"/queues/{old}", f"See what waits on {old}")
    return Notice(f"{goes} {stays}", "info", links=(link,))


@router.post("/status")
def set_status(found: VisibleConversation, desk: _TheDesk, form: ThePostedForm) -> Response:
    """Set the status."""
    status = form.text("status")
    done = f"The status is {status} now."
    if status == CLOSED:
        done += " New messages of this customer do not come here."
    return _changed(
        desk,
        found,
        form,
        change=StateChange(conversation_status=status),
        done=Notice(done),
    )


def _changed(
    desk: _Desk,
    found: Conversation,
    form: PostedForm,
    *,
    change: StateChange,
    done: Notice,
) -> Response:
    seen = ConversationState(form.text("seen_status"), form.text("seen_answers") == "human")
    try:
        record = _change(desk.operations, found, change, seen)
    except InvalidStatusError as error:
        raise ProblemError(422, str(error)) from error
    except StaleConversationError as error:
        notice = Notice(_changed_meanwhile(seen, error.present.state), "warn")
        return _shown(desk, error.present, notice, status=412)
    return _shown(desk, record, done)


def _change(
    operations: OperationsContainer,
    found: Conversation,
    change: StateChange,
    seen: ConversationState,
) -> Conversation:
    change_conversation = operations.change_conversation()
    try:
        return change_conversation(found.key, change, if_match=seen.etag)
    except StaleConversationError as error:
        # Who takes over must not lose to a customer who keeps writing.
        present = error.present.state
        written_to = replace(seen, conversation_status=USER_REPLY_RECEIVED)
        if change.conversation_status is not None or present != written_to:
            raise
        return change_conversation(found.key, change, if_match=present.etag)


def _changed_meanwhile(seen: ConversationState, present: ConversationState) -> str:
    changes = []
    if present.hand_off_to_human != seen.hand_off_to_human:
        changes.append(f"{'a human' if present.hand_off_to_human else 'the AI'} answers now")
    if present.conversation_status != seen.conversation_status:
        changes.append(f"the status is {present.conversation_status} now")
    what = " and ".join(changes)
    return f"Nothing was done, because the conversation has changed meanwhile: {what}."


def _shown(
    desk: _Desk,
    found: Conversation,
    notice: Notice | None = None,
    *,
    status: int = 200,
    after: str | None = None,
) -> Response:
    operations = desk.operations
    messages = operations.list_messages()(found.key, PAGE_SIZE, after=after)
    place = conversation_page(found.primary_channel, found.conversation_id)
    return desk.page(
        "conversation.html",
        status,
        conversation=found,
        company_id=operations.find_company().of_conversation(found),
        messages=Reading(files_held(operations)).messages(messages.items),
        cursor=messages.cursor,
        after=after,
        place=place,
        address=place if after is None else None,
        statuses=SETTABLE_STATUSES,
        send_command=_sending(found),
        unmatched=[*desk.unmatched(found)] if after is None else [],
        notice=notice,
    )


def _sending(found: Conversation) -> str:
    """The command that plays the customer."""
    addresses = ("--from", found.sender_id or "ADDRESS", "--to", found.recipient_id or "ADDRESS")
    return shell("send", found.primary_channel.value, *addresses, "--body", "Hello")


def files_held(operations: OperationsContainer) -> HoldsFiles:
    """Whether the files that the provider of a channel holds can be fetched."""

    def holds_files(channel: ChannelType) -> bool:
        return operations.open_attachment().media_sources[channel]() is not None

    return holds_files
