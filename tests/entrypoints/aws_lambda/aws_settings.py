"""The settings of a function on an emulator of AWS that has all of its resources."""

from infrastructure.configuration.setting_rules import queue_variable
from tests.emulators import EmulatedAws, unique_name
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables
from tests.infrastructure.aws.sqs_queues import a_spool_queue, created


def aws_settings(aws: EmulatedAws, tables: Tables | None = None) -> dict[str, str]:
    """Create tables, queues and a bucket; return the settings that name them.

    ``tables`` are for this process alone, which makes them when it names them.
    """
    if tables is None:
        tables = Tables.create(aws)
        tables.make()
    bucket = unique_name("blobs")
    aws.s3.create_bucket(Bucket=bucket)
    return {
        **aws.environ,
        **{f"{role.upper()}_TABLE": name for role, name in tables.names.items()},
        **{queue_variable(queue): url for queue, url in created(aws).items()},
        "BLOBS_BUCKET": bucket,
        "SPOOL_QUEUE_URL": a_spool_queue(aws),
        "STORAGE": "dynamodb",
        "QUEUE": "sqs",
    }
