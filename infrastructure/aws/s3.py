"""Blobs and dead letters as objects in a bucket of Amazon S3."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from typing_extensions import override

from application.ports.blobs import BlobStore
from application.ports.dead_letters import DeadLetter, DeadLetters, ignore
from domain.errors import BrokenDeadLetterError, StorageUnavailableError
from infrastructure.aws.clients import error_code, storage_errors
from infrastructure.serialization.blob_keys import checked_key, is_key, key_of
from infrastructure.serialization.webhook_json import (
    dead_letter_from_json,
    dead_letter_to_json,
    readable_dead_letters,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        GetObjectOutputTypeDef,
        ObjectIdentifierTypeDef,
        ObjectTypeDef,
    )

    from application.ports.byte_stream import ByteStream

DEAD_LETTERS_PREFIX = "dead-letters/"
_SORTABLE_TIME = "%Y%m%dT%H%M%S%fZ"


class S3Bucket:
    """Calls of one bucket, with its errors as errors of the domain.

    The client is built with the first call: that takes long, and few messages need one.
    """

    def __init__(self, client: Callable[[], "S3Client"], name: str) -> None:
        self.client = client
        self.name = name

    def uri(self, key: str = "") -> str:
        """What names an object anywhere."""
        return f"s3://{self.name}/{key}"

    def put(self, key: str, content: bytes, *, replace: bool = False) -> None:
        """Write an object; one that is there already stays as it is, unless to ``replace`` it."""
        condition: Any = {} if replace else {"IfNoneMatch": "*"}
        with self._errors():
            try:
                self.client().put_object(Bucket=self.name, Key=key, Body=content, **condition)
            except ClientError as error:
                if error_code(error) != "PreconditionFailed":
                    raise

    def read(self, key: str) -> bytes:
        """The content of an object; ``KeyError`` if there is none."""
        body = self._get(key)["Body"]
        with self._errors():
            return body.read()

    def open(self, key: str) -> "ByteStream":
        """The content of an object in chunks; ``KeyError`` if there is none."""
        from application.ports.byte_stream import CHUNK_BYTES, ByteStream

        found = self._get(key)
        body = found["Body"]

        def chunks() -> Iterator[bytes]:
            with self._errors():
                yield from body.iter_chunks(CHUNK_BYTES)

        return ByteStream(chunks(), found["ContentLength"], body.close)

    def _get(self, key: str) -> "GetObjectOutputTypeDef":
        client = self.client()
        with self._errors():
            try:
                return client.get_object(Bucket=self.name, Key=key)
            except client.exceptions.NoSuchKey as error:
                raise KeyError(key) from error

    def delete(self, key: str) -> None:
        """Delete an object, if there is one."""
        with self._errors():
            self.client().delete_object(Bucket=self.name, Key=key)

    def list_pages(self, prefix: str) -> Iterator[Sequence["ObjectTypeDef"]]:
        """The objects whose keys begin with ``prefix``, in the order of their keys."""
        paginator = self.client().get_paginator("list_objects_v2")
        with self._errors():
            for page in paginator.paginate(Bucket=self.name, Prefix=prefix):
                yield page.get("Contents", ())

    def delete_pages(self, prefix: str, wanted: Callable[["ObjectTypeDef"], bool]) -> Iterator[int]:
        """Delete page by page, how many each: S3 lists at most as many as it deletes at once."""
        for page in self.list_pages(prefix):
            keys: list[ObjectIdentifierTypeDef] = [{"Key": e["Key"]} for e in page if wanted(e)]
            if keys:
                with self._errors():
                    answer = self.client().delete_objects(
                        Bucket=self.name, Delete={"Objects": keys, "Quiet": True}
                    )
                for error in answer.get("Errors", ()):
                    code = error.get("Code", "unknown")
                    raise StorageUnavailableError(f"bucket {self.name}: not deleted: {code}")
            yield len(keys)

    def _errors(self) -> AbstractContextManager[None]:
        return storage_errors(f"bucket {self.name}")


class S3BlobStore(BlobStore):
    """Each blob is an object; its reference is ``s3://BUCKET/KEY``."""

    def __init__(self, client: Callable[[], "S3Client"], bucket: str) -> None:
        self._bucket = S3Bucket(client, bucket)

    @override
    def put(self, key: str, content: bytes) -> str:
        self._bucket.put(checked_key(key), content)
        return self._bucket.uri(key)

    @override
    def get(self, reference: str) -> bytes:
        """A reference into another bucket is a ``KeyError``."""
        return self._bucket.read(key_of(reference, self._bucket.uri()))

    @override
    def open(self, reference: str) -> "ByteStream":
        return self._bucket.open(key_of(reference, self._bucket.uri()))

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

    @override
    def store(self, dead_letter: DeadLetter) -> None:
        if not self._keys_of(dead_letter.dead_letter_id):
            self._bucket.put(_dead_letter_key(dead_letter), dead_letter_to_json(dead_letter))

    @override
    def replace(self, dead_letter: DeadLetter) -> bool:
        key = _dead_letter_key(dead_letter)
        if key not in self._keys_of(dead_letter.dead_letter_id):
            return False
        self._bucket.put(key, dead_letter_to_json(dead_letter), replace=True)
        return True

    @override
    def get(self, dead_letter_id: str) -> DeadLetter | None:
        keys = self._keys_of(dead_letter_id)
        return self._read(keys[0]) if keys else None

    @override
    def delete(self, dead_letter_id: str) -> bool:
        """Removes every object with this id, the one that counts last."""
        keys = self._keys_of(dead_letter_id)
        for key in reversed(keys):
            self._bucket.delete(key)
        return bool(keys)

    @override
    def each_dead_letter(
        self,
        *,
        after: tuple[datetime, str] | None = None,
        newest_first: bool = False,
        unreadable: Callable[[str], None] = ignore,
    ) -> Iterator[DeadLetter]:
        first: dict[str, str] = {}
        for key in self._keys(DEAD_LETTERS_PREFIX):
            first.setdefault(_place(key)[1], key)
        place = (_sortable(after[0]), after[1]) if after else ("", "")
        later = (key for key in first.values() if _place(key) > place)
        by_time = sorted(later, key=_place, reverse=newest_first)
        return readable_dead_letters(
            by_time, self._read, lambda key: unreadable(self._bucket.uri(key))
        )

    @override
    def count(self, most: int) -> int:
        """Counts objects, up to a thousand in one call."""
        return sum(1 for _ in islice(self._keys(DEAD_LETTERS_PREFIX), most))

    @override
    def delete_older(self, moment: datetime) -> Iterator[int]:
        """Counts objects."""
        return self._bucket.delete_pages(
            DEAD_LETTERS_PREFIX, lambda entry: _created_at(entry) < moment
        )

    def _keys_of(self, dead_letter_id: str) -> Sequence[str]:
        return [*self._keys(_folder(dead_letter_id))] if is_key(dead_letter_id) else ()

    def _keys(self, prefix: str) -> Iterator[str]:
        """S3 lists keys in the order of their bytes, and so those of one id in that of time."""
        return (entry["Key"] for page in self._bucket.list_pages(prefix) for entry in page)

    def _read(self, key: str) -> DeadLetter | None:
        _, dead_letter_id = _place(key)
        try:
            return dead_letter_from_json(self._bucket.read(key), dead_letter_id)
        except KeyError:
            return None
        except ValueError as error:
            raise BrokenDeadLetterError(f"bucket {self._bucket.name}: {key} is {error}") from error


def _dead_letter_key(dead_letter: DeadLetter) -> str:
    folder = _folder(checked_key(dead_letter.dead_letter_id))
    return f"{folder}{_sortable(dead_letter.created_at)}"


def _sortable(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):{_SORTABLE_TIME}}"


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
