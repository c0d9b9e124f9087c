"""What became of dead letters that were redriven, for a person."""

from collections import Counter
from collections.abc import Iterator, Sequence

from application.receiving.record_message import Receipt, RecordOutcome
from application.recovery.redrive_dead_letters import RedrivenDeadLetter, RedriveOutcome
from entrypoints.http.console.notices import Link, Notice
from entrypoints.http.console.places import trace_page

_PENDING = "The message is pending again: a running server puts it on its queue within a minute"
_UNMATCHED = "recorded, and unmatched, because the sender has no open conversation"
_DUPLICATE = "recorded before, so nothing changed"
_MOST_LINKS = 5


def notice_of_one(redriven: RedrivenDeadLetter) -> Notice:
    """What became of one dead letter, and where its messages are now."""
    if redriven.outcome is RedriveOutcome.FAILED:
        reason = redriven.dead_letter.reason
        text = f"Redriven, and it failed again: {reason}. It stays here, so nothing is lost."
        return Notice(text, "warn")
    if redriven.outcome is RedriveOutcome.PENDING:
        request_id = redriven.dead_letter.request_id or ""
        return Notice(f"Redriven. {_PENDING}.", links=(_trace_of(request_id),))
    details = tuple(f"The message is {_words_of(receipt)}." for receipt in redriven.receipts)
    links = tuple(_trace_of(receipt.record.request_id) for receipt in redriven.receipts)
    text = "Redriven: it is no dead letter any more."
    if not details:
        text = "Redriven: there was no message in it, and it is no dead letter any more."
    return Notice(text, "ok", details, (*_places([redriven]), *links[:_MOST_LINKS]))


def notice_of_many(redriven: Sequence[RedrivenDeadLetter], *, not_tried: int, gone: int) -> Notice:
    """How many were delivered, and how many failed again for which reason.

    ``not_tried`` are those for which there was no time, ``gone`` those not there any more.
    """
    failed = [one.dead_letter for one in redriven if one.outcome is RedriveOutcome.FAILED]
    done = len(redriven) - len(failed)
    if not redriven and not not_tried:
        return Notice("No dead letter of this list is there any more: nothing was done.", "info")
    text = f"{_counted(done)} redriven"
    text += f", {len(failed)} failed again and stayed." if failed else "."
    details = [*_outcomes(redriven)]
    for reason, number in Counter(one.reason for one in failed).most_common():
        details.append(f"{number} failed again: {reason}.")
    if gone:
        details.append(f"Not there any more: {_counted(gone)}, redriven or deleted meanwhile.")
    if not_tried:
        details.append(f"The time was over: {_counted(not_tried)} not tried. Redrive once more.")
    return Notice(text, "warn" if failed or not_tried else "ok", tuple(details), _places(redriven))


def _outcomes(redriven: Sequence[RedrivenDeadLetter]) -> Iterator[str]:
    receipts = [receipt for one in redriven for receipt in one.receipts]
    for words, number in Counter(map(_words_of, receipts)).most_common():
        counted = "1 message" if number == 1 else f"{number} messages"
        yield f"{words[0].upper()}{words[1:]}: {counted}."
    if pending := sum(one.outcome is RedriveOutcome.PENDING for one in redriven):
        yield f"Pending again: {pending}. A running server puts them on their queues."


def _places(redriven: Sequence[RedrivenDeadLetter]) -> tuple[Link, ...]:
    """Where to go on with messages that wait for an operator again."""
    outcomes = {receipt.outcome for one in redriven for receipt in one.receipts}
    is_unmatched = RecordOutcome.UNMATCHED in outcomes
    return (Link("/unmatched", "To the unmatched messages"),) if is_unmatched else ()


def _words_of(receipt: Receipt) -> str:
    match receipt.outcome:
        case RecordOutcome.DUPLICATE:
            return _DUPLICATE
        case RecordOutcome.UNMATCHED:
            return _UNMATCHED
        case RecordOutcome.RECORDED:
            return f"on {receipt.route.queue}" if receipt.route else "recorded, and pending"


def _counted(number: int) -> str:
    return "1 dead letter" if number == 1 else f"{number} dead letters"


def _trace_of(request_id: str) -> Link:
    return Link(trace_page(request_id), "Trace the message")
