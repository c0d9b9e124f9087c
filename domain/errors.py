"""What can go wrong with a webhook, told by what the caller should do next.

Three kinds matter to the code that catches: *refused* (the sender of the request gets an error,
nothing is kept), *temporary* (the same request may succeed later), *permanent* (it never
will: keep it as a dead letter). Adapters translate vendor errors into these and chain the
original with ``raise … from``.
"""

from collections.abc import Sequence


class WebhookHandlerError(Exception):
    """Base of every error that Frontdesk raises on purpose.

    Where it is about several things, ``problems`` says what is wrong with each.
    """

    problems: Sequence[str] = ()


class RefusedError(WebhookHandlerError):
    """The request is not one for us; nothing of it is stored.

    ``log_fields`` is what the log line may tell of it beside the status.
    """

    def __init__(self, message: str = "", **log_fields: str) -> None:
        super().__init__(message)
        self.log_fields = log_fields


class ValidationError(RefusedError):
    """Not proven authentic. Carries no detail that could help a forger.

    ``account``, ``reason`` and ``tried_urls`` are those of a ``Refusal``.
    """

    account = ""
    reason = "account_unknown"
    tried_urls = ""


class KnownAccountRefusedError(ValidationError):
    """Not proven authentic, although the request names a known account.

    An operator may have to mend this: the log line gets the ``reason``, a code, and
    ``tried_urls``, the URLs for which the signature was computed, if it covers any. The
    response says no more than any other.
    """

    def __init__(
        self, message: str = "", *, account: str = "", reason: str = "", tried_urls: str = ""
    ) -> None:
        fields = {"reason": reason, "tried_urls": tried_urls}
        super().__init__(message, **{name: text for name, text in fields.items() if text})
        self.account = account
        self.reason = reason
        self.tried_urls = tried_urls


class UnsupportedChannelError(RefusedError):
    """The path names no channel that Frontdesk serves.

    The path is no part of a ``Refusal``, whose ``reason`` this is: it is any stranger's text.
    """

    reason = "path_unknown"


class MethodNotAllowedError(RefusedError):
    """The channel exists but takes another HTTP method."""


class PayloadTooLargeError(RefusedError):
    """The body, or the number of its fields, is over the limit. ``reason`` is of a ``Refusal``."""

    reason = "too_large"


class UnknownRecipientError(RefusedError):
    """The tenant directory knows no company with this recipient address."""


class TemporaryError(WebhookHandlerError):
    """May heal by itself: try again later.

    ``needs_operator`` tells that an operator has to mend something first. A webhook waits for
    it all the same, but a server does not start.
    """

    needs_operator = False

    def __init__(self, *arguments: object, needs_operator: bool | None = None) -> None:
        super().__init__(*arguments)
        if needs_operator is not None:
            self.needs_operator = needs_operator


class StorageUnavailableError(TemporaryError):
    """The store of conversations, messages or blobs did not answer, or answered busy."""


class OldFormError(StorageUnavailableError):
    """Data of an unreleased version, which is left as it is. An operator has to move it away."""

    needs_operator = True


class BrokenDeadLetterError(StorageUnavailableError):
    """What lies where a dead letter is expected cannot be read as one, and never will be."""


class QueueRoutingError(TemporaryError):
    """A context object could not be put on its queue; the message stays pending."""


class ConcurrentUpdateError(TemporaryError):
    """Another process changed the record first, and goes on with it."""


class SecretsUnavailableError(TemporaryError):
    """The secrets that authenticate webhooks cannot be read at the moment."""


class OverloadedError(TemporaryError):
    """More comes in at once than may be held or worked on."""


class SpoolFullError(TemporaryError):
    """The spool has reached its limit: the provider has to keep the webhook and try again."""


class WorkerLostError(TemporaryError):
    """Every worker of a spool entry died, up to the last attempt, so nothing says why."""


class DeadlineExceededError(TemporaryError):
    """The time set aside for one webhook is used up."""


class MediaUnavailableError(TemporaryError):
    """The provider does not hand out a file in time, or not at the moment."""


class PermanentError(WebhookHandlerError):
    """Will fail the same way every time."""


class StorageRefusedError(PermanentError):
    """The store will never take this: a bug of ours, or a table that is not as it should be."""


class UnreadableMessageError(PermanentError):
    """Authentic, but its content cannot be understood. Becomes a dead letter."""


class UnauthenticatedMailError(UnreadableMessageError):
    """Mail of an unauthenticated author that the operator wants to review first."""


class AutomatedMailError(UnreadableMessageError):
    """Mail of a program that the operator wants to review first."""


class ConversationNotFoundError(PermanentError):
    """No conversation with this id (or none that is open for this sender)."""


class MessageNotFoundError(PermanentError):
    """No message with this request id, or none in the state that was asked for."""


class DeadLetterNotFoundError(PermanentError):
    """No dead letter with this id."""


class InvalidCursorError(PermanentError, ValueError):
    """A text that is no cursor of the list that it was given to."""


class InvalidStatusError(PermanentError, ValueError):
    """A status that Frontdesk does not set."""


class AttachmentNotFoundError(PermanentError):
    """No such message or attachment, or its file is not there any more."""


class MediaNotFoundError(AttachmentNotFoundError):
    """The provider has no such file any more."""


class MediaRefusedError(PermanentError):
    """A file that Frontdesk does not fetch from its provider. The text says why."""


class ContextNotMovedError(PermanentError):
    """A context that has no record, or is on the wanted queue already."""


class InvalidAddressError(PermanentError, ValueError):
    """A text that cannot be an address on its channel."""


class FallbackNotSentError(WebhookHandlerError):
    """The provider certainly did not take the fallback: another one may be sent."""

    reason: str = "not_sent"
    """A code for logs, metrics and traces."""


class FallbackRefusedError(FallbackNotSentError):
    """The provider answered that it does not send the fallback."""

    reason = "refused"


class FallbackNotReachedError(FallbackNotSentError):
    """There was no connection to the provider."""

    reason = "not_reached"


class FallbackUncertainError(WebhookHandlerError):
    """It is not known whether the provider sent the fallback, so it is not sent again."""


def safe_reason(error: Exception) -> str:
    """What logs and dead letters may tell of ``error``.

    A sentence of ours, where it is one that never holds any content: about what cannot be
    read, or what does not answer. Other errors may quote what they stumbled over.
    """
    ours = isinstance(error, UnreadableMessageError | TemporaryError | MediaRefusedError)
    return str(error) if ours else type(error).__name__
