"""Contexts are moved between queues on SQS, with their records in DynamoDB."""

import pytest

from application.ports.stores import Stores
from infrastructure.aws.sqs_queue import SqsContextQueue
from tests.contracts.context_queue import ContextQueue
from tests.contracts.moved_contexts import MoveContextContract
from tests.emulators import EmulatedAws
from tests.infrastructure.aws.dynamodb.dynamodb_tables import Tables
from tests.infrastructure.aws.sqs_queues import created


class TestAwsMoveContext(MoveContextContract):
    @pytest.fixture
    def backend(self, aws: EmulatedAws) -> tuple[Stores, ContextQueue]:
        queue = SqsContextQueue(aws.sqs, created(aws), wait_seconds=0)
        return Tables.create(aws).stores(), queue
