"""Dead letters: why they are there, what is in them, and another attempt."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.responses import Response

from application.clock import Deadline
from application.ports.dead_letters import DeadLetterKind
from application.ports.pages import Page as Listed
from application.recovery.describe_dead_letter import DescribedDeadLetter
from application.recovery.redrive_dead_letters import RedrivenDeadLetter, RedriveOutcome
from domain.errors import BrokenDeadLetterError, DeadLetterNotFoundError
from entrypoints.composition.operations_container import OperationsContainer
from entrypoints.http.access.access import Caller
from entrypoints.http.access.problems import ProblemError, invalid, not_found
from entrypoints.http.api.cursors import Cursors
from entrypoints.http.api.dead_letter_routes import (
    company_of,
    delete_dead_letter,
    visible_dead_letter,
)
from entrypoints.http.api.dependencies import (
    After,
    Identifier,
    TheCaller,
    TheContainer,
    TheCursors,
    TheOperations,
)
from entrypoints.http.console.notices import Notice
from entrypoints.http.console.page_dependencies import ThePage
from entrypoints.http.console.posted_forms import PostedForm, ThePostedForm
from entrypoints.http.console.recovery.faulty_fields import faults_in
from entrypoints.http.console.recovery.redriven_words import notice_of_many, notice_of_one
from entrypoints.http.console.recovery.shown_requests import shown_request
from entrypoints.http.console.rendering import Page

router = APIRouter(prefix="/dead-letters")

PAGE_SIZE = 25
REDRIVE_SECONDS = 5.0
"""How long redriving a page may go on: browsers wait 15 s, and the last attempt may take 8."""

_ID = re.compile(rf"(?<=/)(?:{'|'.join(DeadLetterKind)})-[\w-]+")
_GONE = Notice(
    "This dead letter is not there any more: it was redriven or deleted meanwhile. Nothing was "
    "done.",
    "warn",
)
_DELETED = "The dead letter is deleted."
_MEANINGS = {
    DeadLetterKind.UNREADABLE: "Frontdesk could not read it",
    DeadLetterKind.BUG: "an unexpected error stopped it",
    DeadLetterKind.UNAUTHENTICATED: "mail whose author is not proven",
    DeadLetterKind.AUTOMATED: "mail that a program wrote",
    DeadLetterKind.EXHAUSTED: "the store did not take it for half a day",
    DeadLetterKind.UNDELIVERABLE: "its queue did not take it for most of a day",
}


_OF_BACKENDS = frozenset({DeadLetterKind.EXHAUSTED, DeadLetterKind.UNDELIVERABLE})
"""Something must be mended before these are redriven: the checks say what."""


@dataclass(frozen=True)
class _Place:
    """A page of the list: which kind, and after what."""

    kind: DeadLetterKind | None = None
    after: str | None = None

    @classmethod
    def of_form(cls, form: PostedForm) -> "_Place":
        """The place that a form names. Raises ``ProblemError`` (422): none means all of them."""
        kind = form.text("kind")
        if kind and kind not in set(DeadLetterKind):
            raise invalid("kind", "no kind of dead letters")
        return cls(DeadLetterKind(kind) if kind else None, form.text("after") or None)

    @property
    def fields(self) -> Mapping[str, str]:
        """The same, for a form and for an address."""
        fields = {"kind": self.kind or "", "after": self.after or ""}
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True)
class _Lists:
    """The list of dead letters as one caller sees it."""

    page: Page
    operations: OperationsContainer
    caller: Caller
    cursors: Cursors

    def find(self, place: _Place, unreadable: list[str]) -> Listed[DescribedDeadLetter]:
        return self.operations.list_dead_letters()(
            PAGE_SIZE,
            kind=place.kind,
            company_ids=self.caller.token.companies,
            after=self.cursors.opened(place.after),
            unreadable=unreadable.append,
        )

    def show(self, place: _Place, notice: Notice | None = None, status: int = 200) -> Response:
        unreadable: list[str] = []
        found = self.find(place, unreadable)
        # Where one lies that cannot be read does not say whose it is.
        is_of_all = self.caller.token.companies is None
        more = None
        if found.cursor:
            following = _Place(place.kind, self.cursors.sealed(found.cursor))
            more = f"/dead-letters?{urlencode(following.fields)}"
        return self.page(
            "dead_letters.html",
            status,
            items=found.items,
            listed=" ".join(one.dead_letter.dead_letter_id for one in found.items),
            more=more,
            place=place,
            kinds=_MEANINGS,
            unreadable=[(place, _id_in(place)) for place in sorted(unreadable) if is_of_all],
            notice=notice,
        )

    def show_damaged(
        self, dead_letter_id: str, error: BrokenDeadLetterError, status: int = 200
    ) -> Response:
        """What cannot be read does not say whose it is, either."""
        if self.caller.token.companies is not None:
            raise not_found("dead letter")
        kind, _, rest = dead_letter_id.partition("-")
        return self.page(
            "damaged_dead_letter.html",
            status,
            dead_letter_id=dead_letter_id,
            problem=str(error),
            # Its message is recorded all the same.
            request_id=rest if kind == DeadLetterKind.UNDELIVERABLE else None,
        )

    def show_whole(self, notice: Notice, status: int = 200) -> Response:
        """The list instead of one that is not there any more: the address is the list's then."""
        response = self.show(_Place(), notice, status)
        response.headers["hx-replace-url"] = "/dead-letters"
        return response


def _id_in(place: str) -> str | None:
    """The id of the dead letter that lies in ``place``, if it has the form of our own."""
    found = _ID.findall(place)
    return found[-1] if found else None


def _lists(
    page: ThePage, operations: TheOperations, caller: TheCaller, cursors: TheCursors
) -> _Lists:
    return _Lists(page, operations, caller, cursors)


_TheLists = Annotated[_Lists, Depends(_lists)]


@router.get("")
def list_dead_letters(
    lists: _TheLists, kind: DeadLetterKind | None = None, after: After = None
) -> Response:
    """Dead letters, the oldest first."""
    return lists.show(_Place(kind, after))


@router.post("/redrive")
def redrive_listed(lists: _TheLists, form: ThePostedForm) -> Response:
    """Redrive those that stood on the page, one after the other, and none that came since."""
    place, deadline = _Place.of_form(form), Deadline.after(REDRIVE_SECONDS)
    listed = form.text("listed").split()[:PAGE_SIZE]
    redriven: list[RedrivenDeadLetter] = []
    gone = 0
    for dead_letter_id in listed:
        if not deadline.seconds_left:
            break
        try:
            one = visible_dead_letter(dead_letter_id, lists.operations, lists.caller)
        except (DeadLetterNotFoundError, ProblemError):
            gone += 1
            continue
        redriven.append(lists.operations.redrive_dead_letters()(one.dead_letter))
    not_tried = len(listed) - len(redriven) - gone
    return lists.show(place, notice_of_many(redriven, not_tried=not_tried, gone=gone))


@router.get("/{dead_letter_id}")
def show_dead_letter(dead_letter_id: Identifier, lists: _TheLists) -> Response:
    """One dead letter, how it reads today, and its request; or that it is damaged."""
    try:
        described = visible_dead_letter(dead_letter_id, lists.operations, lists.caller)
    except BrokenDeadLetterError as error:
        return lists.show_damaged(dead_letter_id, error)
    return _shown(described, lists.page, lists.operations)


@router.post("/{dead_letter_id}/redrive")
def redrive_dead_letter(dead_letter_id: Identifier, lists: _TheLists) -> Response:
    """Redrive one. If it fails again, it stays, with the new reason."""
    operations = lists.operations
    try:
        described = visible_dead_letter(dead_letter_id, operations, lists.caller)
    except (DeadLetterNotFoundError, ProblemError):
        return lists.show_whole(_GONE, 409)
    except BrokenDeadLetterError as error:
        return lists.show_damaged(dead_letter_id, error, 409)
    redriven = operations.redrive_dead_letters()(described.dead_letter)
    notice = notice_of_one(redriven)
    if redriven.outcome is not RedriveOutcome.FAILED:
        return lists.show_whole(notice)
    failed = operations.describe_dead_letter()(redriven.dead_letter)
    return _shown(failed, lists.page, operations, notice)


@router.post("/{dead_letter_id}/delete")
def delete(dead_letter_id: Identifier, lists: _TheLists, container: TheContainer) -> Response:
    """Delete one, for ever."""
    try:
        delete_dead_letter(dead_letter_id, container, lists.operations, lists.caller)
    except (DeadLetterNotFoundError, ProblemError):
        return lists.show_whole(_GONE, 409)
    return lists.show_whole(Notice(_DELETED))


def _shown(
    described: DescribedDeadLetter,
    page: Page,
    operations: OperationsContainer,
    notice: Notice | None = None,
) -> Response:
    webhook = described.dead_letter.webhook
    request = shown_request(webhook.request) if webhook else None
    names = {field.name for field in (request and request.fields) or ()}
    return page(
        "dead_letter.html",
        one=described,
        dead_letter=described.dead_letter,
        request=webhook.request if webhook else None,
        shown=request,
        faults=faults_in(described.failure or "", names),
        company_id=company_of(described, operations),
        meaning=_MEANINGS[described.dead_letter.kind],
        remedy=operations.trace_message().find_unrecorded.statement(described.dead_letter).sentence,
        needs_checks=page.caller.token.companies is None
        and described.dead_letter.kind in _OF_BACKENDS,
        notice=notice,
    )
