"""What to say where nothing is known of a message."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from application.ports.refusals import Refusal
from application.tracing.brief_diagnoses import ACCEPTED
from application.tracing.results import Statement
from application.tracing.subjects import WHAT_CAN_BE_TRACED
from application.tracing.wording import ago, command
from domain.channels import ChannelType

LogSearch = Callable[[Mapping[str, str]], str]
"""How to find the log lines with these fields, for an operator to copy."""

Explain = Callable[[Refusal], Statement]
"""Why a webhook without a diagnosis was refused, and what to do."""

_LOOK = "look in the provider's own log for the answer that it got"
_ANSWERS = (
    "With a 200 it was a status callback, which tells what became of a message that you sent: it "
    "is counted and recorded nowhere, and there is nothing to do. With an error, or no answer, it "
    "did not come here: correct the URL or the proxy, and answer the customer by hand, for it may "
    f"not be sent again. {command('doctor', '--probe')} tests whether the public URL leads here"
)

NONE_OF_THESE = "if it was none of these"

NOBODY_HAS_WRITTEN = "Nobody has written in this conversation yet, as far as the store knows."


def nothing_from(address: str) -> str:
    """Of a customer without messages."""
    return f"No message from {address} is recorded."


def of_own_address(text: str, unmatched: int) -> Statement:
    """Of an address that customers write to, and so many unmatched messages to it."""
    messages = (
        "1 unmatched message was" if unmatched == 1 else f"{unmatched} unmatched messages were"
    )
    return Statement(
        f"{text} is one of your own addresses, which customers write to.",
        "Trace the address of the customer, or the id of the message.",
        f"{messages} sent to it." if unmatched else "",
    )


def of_own_id(text: str) -> Statement:
    """Of an id as Frontdesk makes them, which leads to nothing."""
    return Statement(
        f"Nothing is known of {text}. Frontdesk makes ids of this form, for conversations and "
        f"requests: it was deleted, or erased with its person, or belongs to another installation.",
        "Trace the provider's id of the message, or the customer's address.",
    )


def of_no_form(text: str) -> Statement:
    """Of what can be neither an id nor an address."""
    cause = f"Nothing is known of {text}. It has the form of no id and of no address."
    return Statement(cause, WHAT_CAN_BE_TRACED)


def likely_refusal(refusals: Sequence[Refusal]) -> Refusal:
    """Which of the latest refusals it probably was.

    Strangers scan every public server: they must not hide what a provider has sent.
    """
    return next((one for one in refusals if one.account), refusals[0])


@dataclass(frozen=True, slots=True)
class NothingKnown:
    """No record, no spool entry and no dead letter was found where one can be seen.

    ``refusals`` are the latest on ``channels`` and of paths without a channel, the latest first.
    ``failure`` is why the store could not be asked: settings that are wrong, or the store itself.
    """

    refusals: tuple[Refusal, ...]
    channels: frozenset[ChannelType]
    sees_all_refusals: bool
    sees_spool: bool
    failure: str | None
    log_search: LogSearch
    explain: Explain
    now: datetime

    def statement(self, text: str) -> Statement:
        """Where was looked, and what to check."""
        if text.startswith("sha256:"):
            cause = f"{text} is what logs show of a mail's id, and leads to no record."
            return Statement(cause, "Trace the request_id of the same log line.")
        if self.failure:
            spool = "spool entry and no " if self.sees_spool else ""
            cause = f"It is not known whether {text} is recorded: {self.failure}."
            return Statement(cause, "See what the checks find.", f"It is no {spool}dead letter.")
        places = "no record, no spool entry and no dead letter"
        if not self.sees_spool:
            places = "no record and no dead letter (this spool shows nothing of what is in it)"
        return self._of(f"Nothing is known of {text}", f": there is {places}")

    def without_messages(self, found: str) -> Statement:
        """Of a conversation or a customer without messages, as ``found`` says in a sentence.

        Somebody may have tried.
        """
        return self._of(found.removesuffix("."))

    @property
    def note(self) -> str | None:
        """What else it may be, to stand after the refusals: one of them probably is it."""
        is_other = self.refusals and not self.failure
        return f"{NONE_OF_THESE}, {_LOOK}. {_ANSWERS}" if is_other else None

    def _of(self, nothing: str, places: str = "") -> Statement:
        names = " and ".join(sorted(self.channels)) if len(self.channels) < len(ChannelType) else ""
        webhooks = f"webhooks of {names}" if names else "webhooks"
        if self.refusals:
            return self._refused(f"{nothing}{places}.")
        if not self.sees_all_refusals:
            search = self.log_search({"outcome": "refused"})
            remedy = f"See whether {webhooks} were refused, in the log: {search}. If not, {_LOOK}."
            return Statement(f"{nothing}{places}.", remedy, f"{_ANSWERS}.")
        cause = f"{nothing}{places}. No {webhooks} were refused lately either."
        return Statement(cause, f"{_LOOK[0].upper()}{_LOOK[1:]}.", f"{_ANSWERS}.")

    def _refused(self, nothing: str) -> Statement:
        last = likely_refusal(self.refusals)
        what = f"a webhook of {last.channel}" if last.channel else "a request to an unknown path"
        latest = f"It was probably refused, as {what} was {ago(last.last_at, self.now)}"
        found = last.diagnosis
        known = Statement(found.cause, f"{found.remedy}.") if found else self.explain(last)
        # A diagnosis says itself where nothing is left but to let the customer write again.
        then = "" if found and found.code == ACCEPTED else " Then let the customer write again."
        more = (
            f"{nothing} The provider does not send it again. If the customer does not write again, "
            f"answer by hand."
        )
        if not found:
            more = f"{known.more} {more} The reason is {last.reason}.".lstrip()
        return Statement(f"{latest}. {known.cause}", f"{known.remedy}{then}".lstrip(), more)
