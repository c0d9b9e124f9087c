"""Blobs and dead letters in S3 fulfil the contracts, and their buckets are checked."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.response import StreamingBody
from botocore.stub import Stubber

from application.ports.blobs import BlobStore
from application.ports.dead_letters import DeadLetters
from domain.errors import StorageUnavailableError
from infrastructure.aws.s3 import S3BlobStore, S3DeadLetters, check_bucket
from tests.builders import NOW
from tests.contracts.blob_store import KEY, BlobStoreContract
from tests.contracts.dead_letters import (
    DeadLettersContract,
    UnreadableDeadLettersContract,
    WriteContent,
    a_dead_letter,
)
from tests.emulators import EmulatedAws, unique_name


@pytest.fixture
def bucket(aws: EmulatedAws) -> str:
    """The name of a new bucket."""
    name = unique_name("blobs")
    aws.s3.create_bucket(Bucket=name)
    return name


class TestS3BlobStore(BlobStoreContract):
    @pytest.fixture
    def blobs(self, aws: EmulatedAws, bucket: str) -> BlobStore:
        return S3BlobStore(lambda: aws.s3, bucket)


class TestS3DeadLetters(DeadLettersContract):
    @pytest.fixture
    def dead_letters(self, aws: EmulatedAws, bucket: str) -> DeadLetters:
        return S3DeadLetters(lambda: aws.s3, bucket)


class TestUnreadableObjects(UnreadableDeadLettersContract):
    @pytest.fixture
    def dead_letters(self, aws: EmulatedAws, bucket: str) -> DeadLetters:
        return S3DeadLetters(lambda: aws.s3, bucket)

    @pytest.fixture
    def write_content(self, aws: EmulatedAws, bucket: str) -> WriteContent:
        def write_content(dead_letter_id: str, content: bytes) -> None:
            key = f"dead-letters/{dead_letter_id}/{NOW:%Y%m%dT%H%M%S%fZ}"
            aws.s3.put_object(Bucket=bucket, Key=key, Body=content)

        return write_content


def test_blob_reference_names_bucket_and_key(aws: EmulatedAws, bucket: str) -> None:
    assert S3BlobStore(lambda: aws.s3, bucket).put(KEY, b"content") == f"s3://{bucket}/{KEY}"


@pytest.mark.parametrize("key", ["../secret", "a//b", "", "dead-letters/x.json"])
def test_blob_reference_with_an_invalid_key_is_refused(
    aws: EmulatedAws, bucket: str, key: str
) -> None:
    with pytest.raises(KeyError):
        S3BlobStore(lambda: aws.s3, bucket).get(f"s3://{bucket}/{key}")


def test_blob_reference_to_another_bucket_is_refused(aws: EmulatedAws, bucket: str) -> None:
    other = f"{bucket}-other"
    aws.s3.create_bucket(Bucket=other)
    reference = S3BlobStore(lambda: aws.s3, other).put(KEY, b"content")
    with pytest.raises(KeyError):
        S3BlobStore(lambda: aws.s3, bucket).get(reference)


def test_dead_letters_on_several_s3_pages_are_all_listed(
    aws: EmulatedAws, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letters = tuple(
        a_dead_letter(f"bug-{n}", created_at=NOW + timedelta(days=n)) for n in range(5)
    )
    store = S3DeadLetters(lambda: aws.s3, bucket)
    for dead_letter in reversed(dead_letters):
        store.store(dead_letter)

    def two_a_page(params: dict[str, object], **_: object) -> None:
        params["MaxKeys"] = 2

    event = "provide-client-params.s3.ListObjectsV2"
    aws.s3.meta.events.register(event, two_a_page)
    try:
        assert tuple(store.each_dead_letter()) == dead_letters
    finally:
        aws.s3.meta.events.unregister(event, two_a_page)


def test_each_dead_letter_is_read_from_one_listing(aws: EmulatedAws, bucket: str) -> None:
    store = S3DeadLetters(lambda: aws.s3, bucket)
    dead_letters = [a_dead_letter(f"bug-{n}") for n in range(5)]
    for dead_letter in dead_letters:
        store.store(dead_letter)
    listed: list[object] = []

    def count(params: object, **_: object) -> None:
        listed.append(params)

    event = "provide-client-params.s3.ListObjectsV2"
    aws.s3.meta.events.register(event, count)
    try:
        assert list(store.each_dead_letter()) == dead_letters
    finally:
        aws.s3.meta.events.unregister(event, count)
    assert len(listed) == 1


def test_dead_letter_is_stored_as_a_readable_json_document(aws: EmulatedAws, bucket: str) -> None:
    S3DeadLetters(lambda: aws.s3, bucket).store(a_dead_letter())
    key = "dead-letters/unreadable-1/20260304T120000250001Z"
    content = json.loads(aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert content["reason"] == "the form has no MessageSid"


def test_deleting_a_dead_letter_deletes_all_its_objects(aws: EmulatedAws, bucket: str) -> None:
    store = S3DeadLetters(lambda: aws.s3, bucket)
    for hours in (2, 0, 1):
        store.store(a_dead_letter(created_at=NOW + timedelta(hours=hours)))
    assert store.delete("unreadable-1")
    assert aws.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_blobs_are_not_listed_as_dead_letters(aws: EmulatedAws, bucket: str) -> None:
    S3BlobStore(lambda: aws.s3, bucket).put(KEY, b"content")
    assert tuple(S3DeadLetters(lambda: aws.s3, bucket).each_dead_letter()) == ()


def test_object_without_a_time_in_its_key_is_deleted_by_its_modification_time(
    aws: EmulatedAws, bucket: str
) -> None:
    aws.s3.put_object(Bucket=bucket, Key="dead-letters/note.json", Body=b"{}")
    store, reported = S3DeadLetters(lambda: aws.s3, bucket), list[str]()
    assert tuple(store.each_dead_letter(unreadable=reported.append)) == ()
    assert reported == [f"s3://{bucket}/dead-letters/note.json"]
    now = datetime.now(UTC)
    assert sum(store.delete_older(now - timedelta(days=1))) == 0
    assert sum(store.delete_older(now + timedelta(days=1))) == 1


def test_missing_bucket_is_reported_by_name_as_unavailable_storage(aws: EmulatedAws) -> None:
    blobs, dead_letters = (
        S3BlobStore(lambda: aws.s3, "not-there"),
        S3DeadLetters(lambda: aws.s3, "not-there"),
    )
    for call in (
        lambda: blobs.put(KEY, b"content"),
        lambda: blobs.get(f"s3://not-there/{KEY}"),
        lambda: dead_letters.store(a_dead_letter()),
        lambda: tuple(dead_letters.each_dead_letter()),
        lambda: next(dead_letters.each_dead_letter()),
        lambda: dead_letters.get("bug-1"),
        lambda: dead_letters.replace(a_dead_letter()),
        lambda: dead_letters.delete("bug-1"),
        lambda: next(dead_letters.delete_older(NOW)),
    ):
        with pytest.raises(StorageUnavailableError, match="bucket not-there: NoSuchBucket"):
            call()


@pytest.mark.parametrize(
    ("code", "status"),
    [("AccessDenied", 403), ("SlowDown", 503), ("ConditionalRequestConflict", 409)],
)
def test_refusal_by_s3_is_reported_as_unavailable_storage(
    unreachable_aws: EmulatedAws, code: str, status: int
) -> None:
    with Stubber(unreachable_aws.s3) as stubber:
        stubber.add_client_error("put_object", code, "detail", status)
        with pytest.raises(StorageUnavailableError) as caught:
            S3BlobStore(lambda: unreachable_aws.s3, "blobs").put(KEY, b"content")
    assert str(caught.value) == f"bucket blobs: {code}"
    assert isinstance(caught.value.__cause__, ClientError)


@pytest.mark.parametrize(
    "error", [ReadTimeoutError(endpoint_url="x"), EndpointConnectionError(endpoint_url="x")]
)
def test_time_out_of_s3_is_reported_as_unavailable_storage(
    unreachable_aws: EmulatedAws, error: BotoCoreError
) -> None:
    def fail(**_: object) -> None:
        raise error

    unreachable_aws.s3.meta.events.register("before-call.s3", fail)
    with pytest.raises(StorageUnavailableError, match=type(error).__name__) as caught:
        S3DeadLetters(lambda: unreachable_aws.s3, "blobs").store(a_dead_letter())
    assert caught.value.__cause__ is error
    (problem,) = check_bucket(unreachable_aws.s3, "blobs")
    assert problem == f"bucket blobs could not be asked: {type(error).__name__}"


class TestCheckBucket:
    def test_existing_bucket_has_no_problem(self, aws: EmulatedAws, bucket: str) -> None:
        assert check_bucket(aws.s3, bucket) == ()

    def test_missing_bucket_is_a_problem_with_its_name(self, aws: EmulatedAws) -> None:
        assert check_bucket(aws.s3, "not-there") == ("bucket not-there does not exist",)

    @pytest.mark.parametrize(
        ("code", "problem"),
        [
            (
                "403",
                "may not be listed, expected s3:ListBucket, or is another account's",
            ),
            ("301", "is in another region, expected the region of these settings"),
            ("503", "could not be asked: 503"),
        ],
    )
    def test_refused_bucket_check_is_reported_as_a_problem(
        self, unreachable_aws: EmulatedAws, code: str, problem: str
    ) -> None:
        with Stubber(unreachable_aws.s3) as stubber:
            stubber.add_client_error("head_bucket", code, "", int(code))
            assert check_bucket(unreachable_aws.s3, "blobs") == (f"bucket blobs {problem}",)


def test_blobs_on_several_s3_pages_are_all_deleted(aws: EmulatedAws, bucket: str) -> None:
    def two_a_page(params: dict[str, object], **_: object) -> None:
        params["MaxKeys"] = 2

    store = S3BlobStore(lambda: aws.s3, bucket)
    for number in range(5):
        store.put(f"attachments/a/{number}", b"x")
    event = "provide-client-params.s3.ListObjectsV2"
    aws.s3.meta.events.register(event, two_a_page)
    try:
        assert store.delete("attachments/a") == 5
    finally:
        aws.s3.meta.events.unregister(event, two_a_page)
    assert aws.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_blob_that_s3_does_not_delete_raises_an_error(unreachable_aws: EmulatedAws) -> None:
    with Stubber(unreachable_aws.s3) as stubber:
        stubber.add_response("list_objects_v2", {"Contents": [{"Key": KEY}]})
        stubber.add_response("delete_objects", {"Errors": [{"Key": KEY, "Code": "AccessDenied"}]})
        with pytest.raises(StorageUnavailableError, match="not deleted: AccessDenied"):
            S3BlobStore(lambda: unreachable_aws.s3, "blobs").delete("attachments")


def test_blob_that_breaks_off_raises_an_error(unreachable_aws: EmulatedAws) -> None:
    body = StreamingBody(BytesIO(b"cut"), 100)
    with Stubber(unreachable_aws.s3) as stubber:
        stubber.add_response("get_object", {"Body": body, "ContentLength": 100})
        stream = S3BlobStore(lambda: unreachable_aws.s3, "blobs").open(f"s3://blobs/{KEY}")
    with closing(stream), pytest.raises(StorageUnavailableError, match="IncompleteReadError"):
        list(stream)
