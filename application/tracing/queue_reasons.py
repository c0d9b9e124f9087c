"""Why a message is on its queue, where that may surprise, and how it gets to the other one."""

from dataclasses import dataclass
from datetime import datetime

from application.tracing.wording import ago, giving_back, moving, other_queue
from domain.automated_mail import AutomatedKind
from domain.conversations import Conversation
from domain.messages import MessageRecord
from domain.queues import QueueKind, QueueName
from domain.routing import MailPolicy, RoutingPolicy


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it is there, and how to change that.

    ``because`` goes on from "It went to a human, because". ``how`` says what the commands need.
    What ``is_over`` holds for no later message: then the remedy is the likely one. A remedy that
    ``is_whole`` says what to do about the consumer too.
    """

    because: str = ""
    remedy: str = ""
    more: str = ""
    how: str = ""
    commands: tuple[str, ...] = ()
    is_over: bool = False
    is_whole: bool = False


def reason_for_human(record: MessageRecord, policy: RoutingPolicy) -> str:
    """A code: why a message went to a human."""
    message = record.message
    if record.queue:
        return "moved"
    if not policy.needs_human_review(message):
        return "hand_off"
    if message.regrouping_suspected:
        return "regrouping_suspected"
    accepts_programs = policy.automated_mail is MailPolicy.ACCEPT
    is_programs = message.is_automated and not accepts_programs
    return "automated" if is_programs else "unauthenticated_author"


def reason_of(
    record: MessageRecord,
    conversation: Conversation | None,
    queue: QueueName | None,
    policy: RoutingPolicy,
    now: datetime,
) -> Reason:
    """Why the message is on ``queue``, and not on the other one of its channel."""
    if queue is None:
        return Reason()
    if record.queue:
        return _moved(record, queue, now)
    if queue.kind is QueueKind.REPLIES:
        is_late = conversation is not None and conversation.hand_off_to_human
        return _switched_later(record, queue) if is_late else Reason()
    return _for_human(record, conversation, queue, policy)


def _for_human(
    record: MessageRecord,
    conversation: Conversation | None,
    queue: QueueName,
    policy: RoutingPolicy,
) -> Reason:
    match reason_for_human(record, policy):
        case "hand_off":
            return _handed_off(record, conversation, queue)
        case "automated":
            return _automated(record, queue, policy.automated_mail)
        case "unauthenticated_author":
            return _unauthenticated(record, queue, policy.unauthenticated_mail)
    return Reason(
        "it may be put together from other messages",
        more=(
            "Some of its fields are not as the provider sends them. So no AI answers it, and a "
            "human has to look at it."
        ),
    )


def _receipt(record: MessageRecord) -> str:
    return f"'queues read' shows its RECEIPT, which begins with {record.request_id}."


def _moved(record: MessageRecord, queue: QueueName, now: datetime) -> Reason:
    at = f" {ago(record.queued_at, now)}" if record.queued_at else ""
    because = f"an operator or a consumer moved it from {other_queue(queue)}{at}"
    remedy = "You can move it back."
    return Reason(because, remedy, how=_receipt(record), commands=moving(queue))


def _switched_later(record: MessageRecord, queue: QueueName) -> Reason:
    return Reason(
        "hand-off was switched on only after that",
        "You can move it to the human's queue.",
        "The AI has to leave it to the human, who finds it in the conversation.",
        _receipt(record),
        moving(queue),
    )


def _handed_off(
    record: MessageRecord, conversation: Conversation | None, queue: QueueName
) -> Reason:
    if conversation is None:
        return Reason("hand-off was on for its conversation, which is deleted now")
    if conversation.hand_off_to_human:
        remedy = (
            f"If a human should answer: check that the consumer of {queue} runs. If the AI should: "
            f"choose 'AI' under 'Who answers' of the conversation, then move this message."
        )
        commands = (giving_back(conversation), *moving(queue))
        how = _receipt(record)
        return Reason("hand-off is on", remedy, how=how, commands=commands, is_whole=True)
    message = record.message
    is_doubtful = message.is_automated or not message.author_authenticated
    # Settings and hand-off are as they are now: which of them sent it there is not stored.
    or_setting = ", or a setting sent such mail to a human then" if is_doubtful else ""
    return Reason(
        f"hand-off was on when it came{or_setting}",
        "To give it to the AI, move it.",
        "Hand-off is off now: what comes goes to the AI, and what waited stays with the human.",
        _receipt(record),
        moving(queue),
        is_over=True,
    )


_KINDS: dict[str, str] = {
    AutomatedKind.REPORT: "a report of a mail server",
    AutomatedKind.CALENDAR: "a message of a calendar",
    AutomatedKind.MAILING_LIST: "mail of a mailing list",
    AutomatedKind.AUTO_REPLY: "an automatic reply",
    AutomatedKind.NOTIFICATION: "a notification of a program",
}


def _automated(record: MessageRecord, queue: QueueName, setting: MailPolicy) -> Reason:
    mark = record.message.metadata.get("automated")
    kind = mark.get("kind") if isinstance(mark, dict) else None
    what = _KINDS.get(kind, "mail of a program") if isinstance(kind, str) else "mail of a program"
    return Reason(
        f"it is {what}, and AUTOMATED_MAIL={setting}",
        "If a person wrote it, move it to the AI.",
        "This is no fault: no AI answers a program. AUTOMATED_MAIL=accept lets the AI answer all "
        "such mail from now on.",
        _receipt(record),
        moving(queue),
    )


def _unauthenticated(record: MessageRecord, queue: QueueName, setting: MailPolicy) -> Reason:
    message = record.message
    results = (("SPF", message.metadata.get("spf")), ("DKIM", message.metadata.get("dkim")))
    domain = message.sender.value.rpartition("@")[2]
    seen = ", ".join(f"{name}: {_result(found)}" for name, found in results)
    return Reason(
        f"neither SPF nor DKIM proves that {domain} sent it, and UNAUTHENTICATED_MAIL={setting}",
        "If a human knows that it is genuine, move it to the AI.",
        f"This is no fault of Frontdesk ({seen}). The sender's administrator can set up SPF and "
        f"DKIM for {domain}.",
        _receipt(record),
        moving(queue),
    )


def _result(found: object) -> str:
    """In a word of ours, for what a mail server says of a check is a text."""
    text = found.lower() if isinstance(found, str) else ""
    if "pass" in text:
        return "passed for another domain"
    return "failed" if "fail" in text else "no result"
