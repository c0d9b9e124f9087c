"""A front desk on DynamoDB, SQS and S3 of an emulator."""

from collections.abc import Mapping
from pathlib import Path

from dependency_injector import providers

from domain.channels import ChannelType
from entrypoints.composition.container import Container
from infrastructure.aws.backend import DynamoDbStorage
from infrastructure.aws.sqs_queue import SqsContextQueue
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from infrastructure.filesystem.fallback_log import FileFallbackSender
from tests.emulators import EmulatedAws
from tests.entrypoints.aws_lambda.aws_settings import aws_settings
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables, do_not_sleep


def settings_on_aws(
    aws: EmulatedAws, data_dir: Path, settings: Mapping[str, str], tables: Tables | None = None
) -> dict[str, str]:
    """``settings`` with new tables and queues; messages on them are visible at once.

    On AWS the development account is configured by its secrets, as a real account is.
    """
    credentials = keep_development_credentials(data_dir)
    account = {
        "TWILIO_ACCOUNT_SID": credentials.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": credentials.twilio_auth_token,
        "SENDGRID_WEBHOOK_PUBLIC_KEY": credentials.sendgrid_public_key,
    }
    return {
        **aws_settings(aws, tables),
        "REPLY_DELAY_SECONDS": "0",
        **({} if "TENANTS" in settings else account),
        **settings,
    }


def look_for_senders_without_a_pause(container: Container) -> None:
    """An unknown sender is looked for twice: the index of an emulator does not lag meanwhile."""
    tables, blobs = container.settings().tables, container.files().blobs
    storage = DynamoDbStorage(container.dynamodb, tables, blobs, do_not_sleep)
    container.storage.override(providers.Object(storage))


def use_emulator(container: Container, aws: EmulatedAws) -> None:
    """Use the emulator's clients in ``container``, and write fallbacks to a file."""
    container.dynamodb.override(providers.Object(aws.dynamodb))
    container.s3.override(providers.Object(aws.s3))
    settings = container.settings()
    # A test reads all six queues: a wait of a second at each empty one would be too long.
    queue = SqsContextQueue(aws.sqs, settings.queue_urls, wait_seconds=0)
    container.context_queue.override(providers.Object(queue))
    container.sqs.override(providers.Object(aws.sqs))
    responses = FileFallbackSender(settings.data_dir / "fallbacks.jsonl")
    senders = dict.fromkeys(ChannelType, lambda: responses)
    container.senders.override(providers.Object(senders))
