"""Why SQS gives no result, in words, and what an operator does about it."""

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from domain.errors import StorageUnavailableError
from domain.queues import QueueName
from infrastructure.aws.clients import (
    KEY_NOT_PERMITTED,
    NO_CREDENTIALS,
    NO_QUEUE,
    NOT_PERMITTED,
    error_code,
)
from infrastructure.configuration.setting_rules import queue_variable


def refusal(code: str, action: str, queue: str) -> str | None:
    """What is wrong with ``queue``, by its name or its URL, or with the right to ``action``.

    ``None`` if ``code`` does not say that.
    """
    if code in NO_QUEUE:
        return f"there is no queue {queue}"
    return f"{action} is not permitted on {queue}" if code in NOT_PERMITTED else None


def why_not_sent(queue: QueueName, error: ClientError | BotoCoreError) -> str:
    """Why ``queue`` did not take a message, with the code of ``error``, and the remedy if known.

    Without the URL of the queue, which names the account at AWS.
    """
    return _why("sqs:SendMessage", queue, error)


def why_not_asked(queue: QueueName, error: StorageUnavailableError) -> str:
    """Why ``queue`` does not tell its depth, as ``why_not_sent`` says it."""
    cause = error.__cause__
    if isinstance(cause, ClientError | BotoCoreError):
        return _why("sqs:GetQueueAttributes", queue, cause)
    return str(error)


def _why(action: str, queue: QueueName, error: ClientError | BotoCoreError) -> str:
    code = error_code(error)
    cause, remedy = refusal(code, action, str(queue)), ""
    if code in NO_QUEUE:
        remedy = f"Create it, or correct {queue_variable(queue)}"
    elif code in NOT_PERMITTED:
        remedy = (
            "Permit it in the policy of Frontdesk's role, and in that of the queue if it has one"
        )
    elif code in KEY_NOT_PERMITTED:
        cause = f"the encryption key of {queue} may not be used"
        remedy = "Permit kms:GenerateDataKey and kms:Decrypt to Frontdesk's role"
    elif code in NO_CREDENTIALS:
        cause = f"Frontdesk has no valid credentials of AWS for {queue}"
        remedy = "Set them, or renew them"
    elif isinstance(error, NoConnectionError | HTTPClientError):
        cause = f"SQS does not answer for {queue}"
        remedy = "Check the network, the region and the endpoint"
    return f"{cause} ({code}). {remedy}" if cause else f"{queue}: {code}"
