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
    """Why it is there, and how to change that: with a sentence that leads to the commands."""

    why: str = ""
    remedy: str = ""
    commands: tuple[str, ...] = ()


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
        "Some of its fields are not as the provider sends them: they may be those of another "
        "message, put together anew. So no AI answers it, and a human has to look at it."
    )


def _receipt(record: MessageRecord) -> str:
    return f"'queues read' shows its RECEIPT, which begins with {record.request_id}."


def _moved(record: MessageRecord, queue: QueueName, now: datetime) -> Reason:
    at = f" at {ago(record.queued_at, now)}" if record.queued_at else ""
    why = f"An operator or a consumer moved it there from {other_queue(queue)}{at}."
    return Reason(why, f"To move it back, read it and move it. {_receipt(record)}", moving(queue))


def _switched_later(record: MessageRecord, queue: QueueName) -> Reason:
    why = (
        "Hand-off was switched on after it was routed, so the AI has to leave it to the human: "
        "the human finds it in the conversation."
    )
    remedy = f"To move it to the human's queue, read it and move it. {_receipt(record)}"
    return Reason(why, remedy, moving(queue))


def _handed_off(
    record: MessageRecord, conversation: Conversation | None, queue: QueueName
) -> Reason:
    if conversation is None:
        return Reason("Its conversation was handed off to a human, and is deleted now.")
    if conversation.hand_off_to_human:
        why = "Hand-off is on for this conversation, so a human has to answer."
        remedy = (
            f"To give the conversation back to the AI, switch hand-off off. That does not move "
            f"what waits already, so read this message and move it too. {_receipt(record)}"
        )
        return Reason(why, remedy, (giving_back(conversation), *moving(queue)))
    message = record.message
    is_doubtful = message.is_automated or not message.author_authenticated
    # Settings and hand-off are as they are now: which of them sent it there is not stored.
    or_setting = ", or a setting sent such mail to a human then" if is_doubtful else ""
    why = (
        f"Hand-off was on when it came{or_setting}. It is off now, so what comes from now on goes "
        f"to the AI; what waited already stays with the human."
    )
    remedy = f"To give this message to the AI, read it and move it. {_receipt(record)}"
    return Reason(why, remedy, moving(queue))


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
    why = (
        f"It is {what}, and AUTOMATED_MAIL={setting} sends such mail to a human, so that no AI "
        f"answers a program. This is no fault."
    )
    remedy = (
        f"AUTOMATED_MAIL=accept lets the AI answer all such mail from now on. If a person wrote "
        f"this one, give it to the AI: read it and move it. {_receipt(record)}"
    )
    return Reason(why, remedy, moving(queue))


def _unauthenticated(record: MessageRecord, queue: QueueName, setting: MailPolicy) -> Reason:
    message = record.message
    results = (("SPF", message.metadata.get("spf")), ("DKIM", message.metadata.get("dkim")))
    domain = message.sender.value.rpartition("@")[2]
    seen = ", ".join(f"{name}: {_result(found)}" for name, found in results)
    why = (
        f"Neither SPF nor DKIM proves that {domain} sent it ({seen}), and "
        f"UNAUTHENTICATED_MAIL={setting} sends such mail to a human. This is no fault of Frontdesk."
    )
    remedy = (
        f"The sender's administrator can set up SPF and DKIM for {domain}. If a human knows that "
        f"this mail is genuine, give it to the AI: read it and move it. {_receipt(record)}"
    )
    return Reason(why, remedy, moving(queue))


def _result(found: object) -> str:
    """In a word of ours, for what a mail server says of a check is a text."""
    text = found.lower() if isinstance(found, str) else ""
    if "pass" in text:
        return "passed for another domain"
    return "failed" if "fail" in text else "no result"
