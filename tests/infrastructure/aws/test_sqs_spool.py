"""The spool on SQS fulfils the contract, and enqueues what SQS accepts."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber

from application.ports.spool import SearchableSpool, Spool, SpoolDelivery
from domain.errors import StorageUnavailableError, UnreadableMessageError
from infrastructure.aws.sqs_spool import MAX_INLINE_BYTES, SqsSpool, delivery_from_sqs
from infrastructure.memory.memory_blobs import MemoryBlobStore
from infrastructure.serialization.webhook_json import entry_to_json
from tests.contracts.context_queue import PassingTime, RealTime
from tests.contracts.spool import MINUTE, REQUEST, SpoolContract, an_entry, enqueue_all, names
from tests.emulators import EmulatedAws, unique_name
from tests.infrastructure.aws.sqs_queues import created_queue

LARGE = an_entry("b2", request=replace(REQUEST, body=b"x" * 300_000))
URL = "https://sqs.us-east-1.amazonaws.com/1/spool.fifo"
TAKEN = SpoolDelivery(an_entry(), "receipt", 1)


def queue_url(aws: EmulatedAws) -> str:
    """A new FIFO queue that takes 256 KiB."""
    attributes = {"FifoQueue": "true", "MaximumMessageSize": "262144"}
    return created_queue(aws, f"{unique_name('spool')}.fifo", attributes)


def raw_message(aws: EmulatedAws, url: str) -> Any:
    """A message as SQS delivers it, with all its attributes."""
    (message,) = aws.sqs.receive_message(
        QueueUrl=url, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
    )["Messages"]
    return message


def sqs_record(text: str, receive_count: int = 1) -> dict[str, Any]:
    """A record of an SQS event with the fields that a Lambda function reads."""
    return {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": text,
        "attributes": {
            "ApproximateReceiveCount": str(receive_count),
            "MessageGroupId": "a",
            "MessageDeduplicationId": "a1",
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }


@pytest.fixture
def blobs() -> MemoryBlobStore:
    return MemoryBlobStore()


class TestSqsSpoolOnMinistack(SpoolContract):
    @pytest.fixture
    def clock(self) -> PassingTime:
        return RealTime()

    @pytest.fixture
    def spool(self, ministack: EmulatedAws, blobs: MemoryBlobStore) -> Spool:
        return SqsSpool(ministack.sqs, queue_url(ministack), blobs, wait_seconds=0)


class TestEnqueuedMessages:
    def test_message_has_the_group_and_id_of_the_spool_entry(
        self, aws: EmulatedAws, blobs: MemoryBlobStore
    ) -> None:
        url = queue_url(aws)
        enqueue_all(SqsSpool(aws.sqs, url, blobs), "a1")
        message = raw_message(aws, url)
        assert message["Attributes"]["MessageGroupId"] == "a"
        assert message["Attributes"]["MessageDeduplicationId"] == "a1"
        assert message["Body"] == entry_to_json(an_entry("a1"))
        assert "MessageAttributes" not in message

    def test_large_webhook_is_stored_in_the_blob_store(
        self, aws: EmulatedAws, blobs: MemoryBlobStore
    ) -> None:
        url = queue_url(aws)
        SqsSpool(aws.sqs, url, blobs).enqueue(LARGE)
        content = json.loads(raw_message(aws, url)["Body"])
        assert content["webhook"]["request_reference"] == "memory:spool/b2"
        assert "request" not in content["webhook"]

    def test_largest_inline_entry_fits_a_queue_of_256_kib(
        self, aws: EmulatedAws, blobs: MemoryBlobStore
    ) -> None:
        url = queue_url(aws)
        room = MAX_INLINE_BYTES - len(entry_to_json(an_entry(request=replace(REQUEST, body=b""))))
        spool = SqsSpool(aws.sqs, url, blobs, wait_seconds=0)
        for name, size in (("a1", room // 4 * 3), ("b2", room // 4 * 3 + 1)):
            spool.enqueue(an_entry(name, request=replace(REQUEST, body=b"\xff" * size)))
        inline, outside = (json.loads(raw_message(aws, url)["Body"]) for _ in range(2))
        assert "request" in inline["webhook"]
        assert "request_reference" in outside["webhook"]

    def test_entry_is_not_enqueued_when_its_blob_cannot_be_stored(self, aws: EmulatedAws) -> None:
        spool = SqsSpool(aws.sqs, queue_url(aws), UnavailableBlobs(), wait_seconds=0)
        with pytest.raises(StorageUnavailableError):
            spool.enqueue(LARGE)
        assert spool.depth().entries == 0


class TestRecordsOfAnEvent:
    def test_sqs_record_is_read_as_a_spool_delivery(self, blobs: MemoryBlobStore) -> None:
        record = sqs_record(entry_to_json(an_entry()), receive_count=3)
        assert delivery_from_sqs(record, blobs) == SpoolDelivery(
            an_entry(), "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a", 3
        )

    def test_large_webhook_of_an_sqs_record_is_read_from_the_blob_store(
        self, aws: EmulatedAws, blobs: MemoryBlobStore
    ) -> None:
        url = queue_url(aws)
        SqsSpool(aws.sqs, url, blobs).enqueue(LARGE)
        record = sqs_record(raw_message(aws, url)["Body"])
        assert delivery_from_sqs(record, blobs).entry == LARGE

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"x"', "1", '{"request_reference": 1}'])
    def test_sqs_record_of_any_other_text_is_unreadable(
        self, blobs: MemoryBlobStore, text: str
    ) -> None:
        with pytest.raises(UnreadableMessageError, match=r"not a spool entry|the old form"):
            delivery_from_sqs(sqs_record(text), blobs)

    def test_sqs_record_whose_blob_is_missing_is_unreadable(self, blobs: MemoryBlobStore) -> None:
        text = entry_to_json(LARGE, request_reference="memory:spool/b2")
        with pytest.raises(UnreadableMessageError, match="content is gone"):
            delivery_from_sqs(sqs_record(text), blobs)

    def test_sqs_record_is_unavailable_while_the_blob_store_is(self) -> None:
        text = entry_to_json(LARGE, request_reference="memory:spool/b2")
        with pytest.raises(StorageUnavailableError):
            delivery_from_sqs(sqs_record(text), UnavailableBlobs())


class TestUnreadableEntries:
    def test_message_that_is_not_an_entry_is_logged_and_does_not_stop_the_others(
        self, aws: EmulatedAws, blobs: MemoryBlobStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        url = queue_url(aws)
        sent = aws.sqs.send_message(
            QueueUrl=url, MessageBody="secret", MessageGroupId="x", MessageDeduplicationId="x"
        )
        spool = SqsSpool(aws.sqs, url, blobs, wait_seconds=0)
        enqueue_all(spool, "a1")
        assert names(spool.receive(10, MINUTE)) == ["a1"]
        (record,) = [one for one in caplog.records if hasattr(one, "sqs_message_id")]
        assert record.sqs_message_id == sent["MessageId"]
        assert "secret" not in caplog.text

    def test_entry_whose_blob_is_unavailable_does_not_stop_the_others(
        self, aws: EmulatedAws, blobs: MemoryBlobStore
    ) -> None:
        url = queue_url(aws)
        spool = SqsSpool(aws.sqs, url, blobs)
        spool.enqueue(LARGE)
        enqueue_all(spool, "c3")
        reader = SqsSpool(aws.sqs, url, UnavailableBlobs(), wait_seconds=0)
        assert names(reader.receive(10, MINUTE)) == ["c3"]
        assert reader.depth().entries == 2


class TestErrors:
    @pytest.fixture
    def stubber(self, unreachable_aws: EmulatedAws) -> Iterator[Stubber]:
        with Stubber(unreachable_aws.sqs) as stubber:
            yield stubber

    @pytest.fixture
    def stubbed(self, unreachable_aws: EmulatedAws, blobs: MemoryBlobStore) -> SqsSpool:
        """A spool for which the test sets the responses of SQS in order."""
        return SqsSpool(unreachable_aws.sqs, URL, blobs)

    @pytest.mark.parametrize("code", ["AccessDenied", "ThrottlingException", "OverLimit"])
    def test_refusal_by_sqs_is_reported_as_unavailable_storage(
        self, stubbed: SqsSpool, stubber: Stubber, code: str
    ) -> None:
        for operation, call in (
            ("send_message", lambda: stubbed.enqueue(an_entry())),
            ("receive_message", lambda: stubbed.receive(1, MINUTE)),
            ("delete_message", lambda: stubbed.acknowledge(TAKEN)),
            ("change_message_visibility", lambda: stubbed.release(TAKEN, MINUTE)),
            ("get_queue_attributes", stubbed.depth),
        ):
            stubber.add_client_error(operation, code, "secret detail", 400)
            with pytest.raises(StorageUnavailableError) as caught:
                call()
            assert str(caught.value) == f"spool: {code}"
            assert isinstance(caught.value.__cause__, ClientError)

    @pytest.mark.parametrize(
        "code",
        [
            "ReceiptHandleIsInvalid",
            "InvalidParameterValue",
            "MessageNotInflight",
            "AWS.SimpleQueueService.MessageNotInflight",
        ],
    )
    def test_expired_receipt_changes_nothing(
        self, stubbed: SqsSpool, stubber: Stubber, code: str
    ) -> None:
        stubber.add_client_error("delete_message", code)
        stubbed.acknowledge(TAKEN)
        stubber.add_client_error("change_message_visibility", code)
        stubbed.release(TAKEN, MINUTE)
        stubber.assert_no_pending_responses()

    def test_visibility_is_rounded_up_to_whole_seconds(
        self, stubbed: SqsSpool, stubber: Stubber
    ) -> None:
        expected = {"QueueUrl": URL, "ReceiptHandle": "receipt", "VisibilityTimeout": 2}
        stubber.add_response("change_message_visibility", {}, expected)
        stubbed.release(TAKEN, timedelta(seconds=1, microseconds=1))
        stubber.assert_no_pending_responses()

    def test_time_out_of_sqs_is_reported_as_unavailable_storage(
        self, stubbed: SqsSpool, unreachable_aws: EmulatedAws
    ) -> None:
        def fail(**_: object) -> None:
            raise ReadTimeoutError(endpoint_url="x")

        unreachable_aws.sqs.meta.events.register("before-call.sqs", fail)
        with pytest.raises(StorageUnavailableError, match="spool: ReadTimeoutError"):
            stubbed.enqueue(an_entry())


class UnavailableBlobs(MemoryBlobStore):
    """A blob store that cannot be reached."""

    def put(self, key: str, content: bytes) -> str:
        raise StorageUnavailableError("the bucket does not answer")

    def get(self, reference: str) -> bytes:
        raise StorageUnavailableError("the bucket does not answer")


def test_sqs_spool_erases_no_entries(aws: EmulatedAws) -> None:
    spool = SqsSpool(aws.sqs, queue_url(aws), MemoryBlobStore())
    assert not isinstance(spool, SearchableSpool)
    assert spool.erasure_notice().startswith("the spool on SQS, about 0 webhooks")
