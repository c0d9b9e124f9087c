"""The texts of a message's item, as long as they may be: an item ends at 400 KB."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from application.ports.blobs import BlobStore
from domain.errors import StorageRefusedError
from domain.history import cut_to_bytes
from infrastructure.aws.dynamodb.dynamodb_values import Item, attributes, text_of

INLINE_BYTES = 100 * 1024
"""How much of text an item may hold; an index holds most of it again."""

PREVIEW_BYTES = 2048
"""How much of a content that is stored elsewhere the item still shows."""

_REFERENCES = ("content_reference", "metadata_reference", "inbound_reference")


def has_references(item: Item) -> bool:
    """Whether a text of ``item`` is stored elsewhere."""
    return any(name in item for name in _REFERENCES)


@dataclass(frozen=True, slots=True)
class DynamoDbTexts:
    """Claim check (Enterprise Integration Patterns): what is too large is in ``blobs``.

    The attribute ``content_reference`` then names the blob of ``content``, and so on.
    """

    blobs: BlobStore

    def write(self, request_id: str, texts: Mapping[str, str]) -> Item:
        """The attributes of ``texts``. The first ones go to blobs until the rest fits.

        A blob's key holds the hash of its content, so that a forged repetition of a message id
        cannot replace it. ``ValueError`` when a text is not Unicode.
        """
        contents = {name: text.encode() for name, text in texts.items()}
        retained: dict[str, str] = dict(texts)
        size = sum(map(len, contents.values()))
        for name, content in contents.items():
            if size <= INLINE_BYTES:
                break
            key = f"messages/{request_id}/{name}-{hashlib.sha256(content).hexdigest()}"
            retained[f"{name}_reference"] = self.blobs.put(key, content)
            del retained[name]
            size -= len(content)
        if "content_reference" in retained:
            retained["content"] = cut_to_bytes(texts["content"], PREVIEW_BYTES)
        return attributes(retained)

    def read(self, item: Item, name: str) -> str:
        """A text of an item, wherever it is."""
        if f"{name}_reference" not in item:
            return text_of(item, name)
        try:
            return self.blobs.get(text_of(item, f"{name}_reference")).decode()
        except KeyError as error:
            if name in item:
                # The blob expired before the message did: what the item shows remains.
                return text_of(item, name)
            raise StorageRefusedError(f"the {name} of a message is no longer stored") from error

    def delete(self, request_id: str) -> None:
        """Delete every text of a message that is stored elsewhere."""
        self.blobs.delete(f"messages/{request_id}")


@contextmanager
def unicode_errors() -> Iterator[None]:
    """A text that is not Unicode is one that no store will ever take."""
    try:
        yield
    except ValueError as error:  # of UTF-8 or of JSON
        raise StorageRefusedError("the message has a text that is not Unicode") from error
