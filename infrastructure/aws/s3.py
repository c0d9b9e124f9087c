"""Blobs and dead letters as objects in a bucket of Amazon S3."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from typing_extensions import override

from application.ports.blobs import BlobStore
from application.ports.dead_letters import DeadLetter, DeadLetters, ignore
from domain.errors import StorageUnavailableError
from infrastructure.aws.clients import error_code, storage_errors
from infrastructure.serialization.blob_keys import checked_key, is_key, key_of
from infrastructure.serialization.dead_letter_json import (
    BrokenDeadLetterError,
    dead_letter_from_json,
    dead_letter_to_json,
    readable_dead_letters,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef, ObjectTypeDef

DEAD_LETTERS_PREFIX = "dead-letters/"
_SORTABLE_TIME = "%Y%m%dT%H%M%S%fZ"


class S3Bucket:
    """Calls of one bucket, with its errors as errors of the domain.

    The client is built with the first call: that takes long, and few messages need one.
    """

    def __init__(self, client: Callable[[], "S3Client"], name: str) -> None:
        self._client = client
        self._name = name

    def errors(self) -> AbstractContextManager[None]:
        """Translates the errors of calls."""
        return storage_errors(f"bucket {self._name}")

    def create(self, key: str, content: bytes) -> None:
        """Write an object, unless there is one: that stays as it is."""
        with self.errors():
            try:
                self._client().put_object(Bucket=self._name, Key=key, Body=content, IfNoneMatch="*")
            except ClientError as error:
                if error_code(error) != "PreconditionFailed":
                    raise

    def replace(self, key: str, content: bytes) -> None:
        """Write an object, whatever is there."""
        with self.errors():
            self._client().put_object(Bucket=self._name, Key=key, Body=content)

    def read(self, key: str) -> bytes:
        """The content of an object; ``KeyError`` if there is none."""
        client = self._client()
        with self.errors():
            try:
                return client.get_object(Bucket=self._name, Key=key)["Body"].read()
            except client.exceptions.NoSuchKey as error:
                raise KeyError(key) from error

    def delete(self, key: str) -> None:
        """Delete an object, if there is one."""
        with self.errors():
            self._client().delete_object(Bucket=self._name, Key=key)

    def list_pages(self, prefix: str) -> Iterator[Sequence["ObjectTypeDef"]]:
        """The objects whose keys begin with ``prefix``, in the order of their keys."""
        paginator = self._client().get_paginator("list_objects_v2")
        with self.errors():
            for page in paginator.paginate(Bucket=self._name, Prefix=prefix):
                yield page.get("Contents", ())

    def delete_pages(self, prefix: str, wanted: Callable[["ObjectTypeDef"], bool]) -> Iterator[int]:
        """Delete page by page, how many each: S3 lists at most as many as it deletes at once."""
        for page in self.list_pages(prefix):
            objects: list[ObjectIdentifierTypeDef] = [
                {"Key": entry["Key"]} for entry in page if wanted(entry)
            ]
            if objects:
                with self.errors():
                    answer = self._client().delete_objects(
                        Bucket=self._name, Delete={"Objects": objects, "Quiet": True}
                    )
                for error in answer.get("Errors", ()):
                    code = error.get("Code", "unknown")
                    raise StorageUnavailableError(f"bucket {self._name}: not deleted: {code}")
            yield len(objects)


class S3BlobStore(BlobStore):
    """Each blob is an object; its reference is ``s3://BUCKET/KEY``."""

    def __init__(self, client: Callable[[], "S3Client"], bucket: str) -> None:
        self._bucket = S3Bucket(client, bucket)
        self._base = f"s3://{bucket}/"

    @override
    def put(self, key: str, content: bytes) -> str:
        self._bucket.create(checked_key(key), content)
        return f"{self._base}{key}"

    @override
    def get(self, reference: str) -> bytes:
        """A reference into another bucket is a ``KeyError``."""
        return self._bucket.read(key_of(reference, self._base))

    @override
    def delete(self, folder: str) -> int:
        return sum(self._bucket.delete_pages(f"{checked_key(folder)}/", lambda _: True))

    @override
    def delete_older(self, folder: str, moment: datetime) -> Iterator[int]:
        """Lists the whole folder, which a lifecycle rule does for nothing."""
        return self._bucket.delete_pages(
            f"{checked_key(folder)}/", lambda entry: entry["LastModified"] < moment
        )


class S3DeadLetters(DeadLetters):
    """One JSON document for each dead letter, under its id and then its ``created_at``.

    So those of one id stand together, and the oldest of all are found by keys alone. Two
    writers of one id at the same moment may leave two objects; the first one counts.
    """

    def __init__(self, client: Callable[[], "S3Client"], bucket: str) -> None:
        self._bucket = S3Bucket(client, bucket)
        self._name = bucket

    @override
    def store(self, dead_letter: DeadLetter) -> None:
        if next(self._keys(dead_letter.dead_letter_id), None) is None:
            self._bucket.create(_dead_letter_key(dead_letter), dead_letter_to_json(dead_letter))

    @override
    def replace(self, dead_letter: DeadLetter) -> bool:
        key = _dead_letter_key(dead_letter)
        if key not in self._keys(dead_letter.dead_letter_id):
            return False
        self._bucket.replace(key, dead_letter_to_json(dead_letter))
        return True

    @override
    def get(self, dead_letter_id: str) -> DeadLetter | None:
        first = next(self._keys(dead_letter_id), None) if is_key(dead_letter_id) else None
        return self._dead_letter(first) if first else None

    @override
    def delete(self, dead_letter_id: str) -> bool:
        """Removes every object with this id, the one that counts last."""
        keys = list(self._keys(dead_letter_id)) if is_key(dead_letter_id) else []
        for key in reversed(keys):
            self._bucket.delete(key)
        return bool(keys)

    @override
    def each_dead_letter(
        self, *, unreadable: Callable[[str], None] = ignore
    ) -> Iterator[DeadLetter]:
        return readable_dead_letters(
            self._first_keys(),
            self._dead_letter,
            lambda key: unreadable(f"s3://{self._name}/{key}"),
        )

    @override
    def delete_older(self, moment: datetime) -> Iterator[int]:
        """Counts objects."""
        return self._bucket.delete_pages(
            DEAD_LETTERS_PREFIX, lambda entry: _created_at(entry) < moment
        )

    def _first_keys(self) -> list[str]:
        """The key of every dead letter, in the order of their times and then ids."""
        first: dict[str, str] = {}
        for key in self._keys():
            _, dead_letter_id = _place(key)
            first.setdefault(dead_letter_id, key)
        return sorted(first.values(), key=_place)

    def _keys(self, dead_letter_id: str | None = None) -> Iterator[str]:
        """S3 lists keys in the order of their bytes, and so those of one id in that of time."""
        prefix = DEAD_LETTERS_PREFIX if dead_letter_id is None else _folder(dead_letter_id)
        for page in self._bucket.list_pages(prefix):
            yield from (entry["Key"] for entry in page)

    def _dead_letter(self, key: str) -> DeadLetter | None:
        _, dead_letter_id = _place(key)
        try:
            return dead_letter_from_json(self._bucket.read(key), dead_letter_id)
        except KeyError:
            return None
        except ValueError as error:
            raise BrokenDeadLetterError(f"bucket {self._name}: {key} is {error}") from error


def _dead_letter_key(dead_letter: DeadLetter) -> str:
    time = dead_letter.created_at.astimezone(UTC)
    return f"{_folder(checked_key(dead_letter.dead_letter_id))}{time:{_SORTABLE_TIME}}"


def _folder(dead_letter_id: str) -> str:
    return f"{DEAD_LETTERS_PREFIX}{dead_letter_id}/"


def _place(key: str) -> tuple[str, str]:
    """The time and the id in a key."""
    dead_letter_id, _, time = key.removeprefix(DEAD_LETTERS_PREFIX).rpartition("/")
    return time, dead_letter_id


def _created_at(entry: "ObjectTypeDef") -> datetime:
    """The time in a key; of an object whose key has none, when it was written."""
    time, _ = _place(entry["Key"])
    try:
        return datetime.strptime(time, _SORTABLE_TIME).replace(tzinfo=UTC)
    except ValueError:
        return entry["LastModified"]


def check_bucket(client: "S3Client", bucket: str) -> tuple[str, ...]:
    """What is wrong with the bucket, and what was expected; empty if nothing is.

    Whether objects may be *written* can only be known by writing one, which this does not do.
    """
    try:
        client.head_bucket(Bucket=bucket)
    except (ClientError, BotoCoreError) as error:
        from infrastructure.aws.check_answers import no_answer

        code = error_code(error)
        if code in _BUCKET_PROBLEMS:
            return (f"bucket {bucket} {_BUCKET_PROBLEMS[code]}",)
        return (no_answer(f"bucket {bucket} could not be asked: {code}", error),)
    return ()


# HEAD has no body, and so an error of HeadBucket no other code than its status.
_BUCKET_PROBLEMS = {
    "404": "does not exist",
    "403": "may not be listed, expected s3:ListBucket, or is another account's",
    "301": "is in another region, expected the region of these settings",
}
