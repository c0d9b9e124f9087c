"""Blobs and dead letters as objects in a bucket of Amazon S3."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from application.ports.files import BlobStore, DeadLetter, DeadLetters
from domain.errors import StorageUnavailableError
from infrastructure.aws import error_code, storage_errors
from infrastructure.blobs.dead_letter_json import letter_from_json, letter_to_json
from infrastructure.blobs.keys import checked_key, is_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LETTERS_PREFIX = "dead-letters/"
_SORTABLE_TIME = "%Y%m%dT%H%M%S%fZ"


class S3BlobStore(BlobStore):
    """Each blob is an object; its reference is ``s3://BUCKET/KEY``.

    The client is asked for with the first blob, for it takes long to build and few messages
    need one.
    """

    def __init__(self, client: Callable[[], "S3Client"], bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._base = f"s3://{bucket}/"

    def put(self, key: str, content: bytes) -> str:
        """See ``BlobStore``."""
        _create(self._client(), self._bucket, checked_key(key), content)
        return f"{self._base}{key}"

    def get(self, reference: str) -> bytes:
        """See ``BlobStore``. A reference into another bucket is a ``KeyError``."""
        key = reference.removeprefix(self._base)
        if key == reference or not is_key(key):
            raise KeyError(reference)
        return _read(self._client(), self._bucket, key)


class S3DeadLetters(DeadLetters):
    """One JSON document for each letter, under a key that sorts by its ``created_at``.

    The time comes first so that the oldest are found without reading them all. A request that
    fails again later leaves a second object; the first one counts.
    """

    def __init__(self, client: Callable[[], "S3Client"], bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def keep(self, letter: DeadLetter) -> None:
        """See ``DeadLetters``."""
        name = f"{letter.created_at:{_SORTABLE_TIME}}-{checked_key(letter.letter_id)}"
        _create(self._client(), self._bucket, LETTERS_PREFIX + name, letter_to_json(letter))

    def list_letters(self, limit: int) -> tuple[DeadLetter, ...]:
        """See ``DeadLetters``. A letter that is deleted meanwhile is left out."""
        return tuple(islice(self._letters(), limit))

    def _letters(self) -> Iterator[DeadLetter]:
        seen: set[str] = set()
        for key in self._keys():
            letter_id = key.removeprefix(LETTERS_PREFIX).partition("-")[2]
            if letter_id in seen:
                continue
            seen.add(letter_id)
            try:
                yield letter_from_json(_read(self._client(), self._bucket, key))
            except KeyError:
                continue
            except ValueError as error:
                raise StorageUnavailableError(
                    f"bucket {self._bucket}: {key} is not a dead letter"
                ) from error

    def _keys(self) -> Iterator[str]:
        """S3 lists keys in the order of their bytes, and so of the letters' times."""
        pages = (
            self._client()
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self._bucket, Prefix=LETTERS_PREFIX)
        )
        with storage_errors(f"bucket {self._bucket}"):
            for page in pages:
                yield from (entry["Key"] for entry in page.get("Contents", ()))


def check_bucket(client: "S3Client", bucket: str) -> tuple[str, ...]:
    """What is wrong with the bucket, and what was expected; empty if nothing is.

    Whether objects may be *written* can only be known by writing one, which this does not do.
    """
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        code = error_code(error)
        problem = _BUCKET_PROBLEMS.get(code, f"could not be asked: {code}")
        return (f"bucket {bucket} {problem}",)
    except BotoCoreError as error:
        return (f"bucket {bucket} could not be asked: {type(error).__name__}",)
    return ()


# HEAD has no body, and so an error of HeadBucket no other code than its status.
_BUCKET_PROBLEMS = {
    "404": "does not exist",
    "403": "may not be listed, expected s3:ListBucket, or is somebody else's",
    "301": "is in another region, expected the region of these settings",
}


def _create(client: "S3Client", bucket: str, key: str, content: bytes) -> None:
    """Write an object, unless there is one: that stays as it is."""
    with storage_errors(f"bucket {bucket}"):
        try:
            client.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
        except ClientError as error:
            if error_code(error) != "PreconditionFailed":
                raise


def _read(client: "S3Client", bucket: str, key: str) -> bytes:
    """The content of an object; ``KeyError`` if there is none."""
    with storage_errors(f"bucket {bucket}"):
        try:
            return client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except client.exceptions.NoSuchKey as error:
            raise KeyError(key) from error
