"""The contract of ``BlobStore``."""

from contextlib import closing
from datetime import UTC, datetime
from functools import partial

import pytest

from application.ports.blobs import BlobStore
from application.ports.byte_stream import CHUNK_BYTES
from tests.contracts.concurrency import at_once

KEY = "attachments/0a1b/c-d_E"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LONG_FROM_NOW = datetime(2100, 1, 1, tzinfo=UTC)


class BlobStoreContract:
    """Immutable content under generated keys. A backend overrides ``blobs``."""

    @pytest.fixture
    def blobs(self) -> BlobStore:
        raise NotImplementedError("a backend provides it")

    @pytest.mark.parametrize("content", [b"", b"\x00\xff\r\n", b"x" * 300_000])
    def test_blob_is_read_back_unchanged(self, blobs: BlobStore, content: bytes) -> None:
        assert blobs.get(blobs.put(KEY, content)) == content

    def test_blobs_with_different_keys_have_different_content(self, blobs: BlobStore) -> None:
        references = [blobs.put(f"contexts/{name}/body", name.encode()) for name in ("a", "b")]
        assert [blobs.get(reference) for reference in references] == [b"a", b"b"]

    def test_stored_blob_is_not_overwritten(self, blobs: BlobStore) -> None:
        first = blobs.put(KEY, b"first")
        assert blobs.put(KEY, b"second") == first
        assert blobs.get(first) == b"first"

    def test_concurrent_puts_of_one_key_store_one_content_whole(self, blobs: BlobStore) -> None:
        contents = [bytes([number]) * 10_000 for number in range(16)]
        references = at_once(partial(blobs.put, KEY, content) for content in contents)
        assert len(set(references)) == 1
        assert blobs.get(references[0]) in contents

    def test_unknown_blob_reference_is_refused(self, blobs: BlobStore) -> None:
        reference = blobs.put(KEY, b"content")
        with pytest.raises(KeyError):
            blobs.get(f"{reference}-unknown")

    @pytest.mark.parametrize("reference", ["", KEY, "https://example.com/a", "file:///etc/passwd"])
    def test_blob_reference_of_another_store_is_refused(
        self, blobs: BlobStore, reference: str
    ) -> None:
        blobs.put(KEY, b"content")
        with pytest.raises(KeyError):
            blobs.get(reference)

    @pytest.mark.parametrize("content", [b"", b"\x00\xff\r\n", bytes(range(256)) * 1000])
    def test_blob_is_read_in_chunks(self, blobs: BlobStore, content: bytes) -> None:
        with closing(blobs.open(blobs.put(KEY, content))) as stream:
            assert stream.size_bytes == len(content)
            chunks = list(stream)
        assert b"".join(chunks) == content
        assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)

    def test_open_blob_may_be_closed_before_its_end(self, blobs: BlobStore) -> None:
        stream = blobs.open(blobs.put(KEY, b"x" * 300_000))
        assert next(stream)
        stream.close()
        stream.close()
        with pytest.raises(ValueError, match="closed"):
            next(stream)

    def test_missing_blob_is_not_opened(self, blobs: BlobStore) -> None:
        reference = blobs.put(KEY, b"content")
        blobs.delete("attachments/0a1b")
        for missing in (reference, "", KEY, "file:///etc/passwd"):
            with pytest.raises(KeyError):
                blobs.open(missing)

    @pytest.mark.parametrize(
        "key",
        ["", "/a", "a/", "a//b", ".", "../a", "a/../b", "a.b", "a b", "a\n", "ä", "a\\b", "%61"],
    )
    def test_blob_key_in_another_form_is_refused(self, blobs: BlobStore, key: str) -> None:
        with pytest.raises(ValueError, match="a key has"):
            blobs.put(key, b"content")

    def test_deleting_a_folder_deletes_all_blobs_in_it(self, blobs: BlobStore) -> None:
        gone = [blobs.put(f"attachments/a/{name}", b"x") for name in ("1", "2", "deep/3")]
        left = blobs.put("attachments/ab/1", b"y")
        assert blobs.delete("attachments/a") == 3
        for reference in gone:
            with pytest.raises(KeyError):
                blobs.get(reference)
        assert blobs.get(left) == b"y"

    def test_deleting_missing_blobs_deletes_nothing(self, blobs: BlobStore) -> None:
        assert blobs.delete("attachments/a") == 0
        assert sum(blobs.delete_older("attachments", LONG_FROM_NOW)) == 0

    def test_deleted_blob_can_be_stored_again(self, blobs: BlobStore) -> None:
        blobs.put(KEY, b"first")
        blobs.delete("attachments/0a1b")
        assert blobs.get(blobs.put(KEY, b"second")) == b"second"

    def test_deleting_by_age_deletes_only_older_blobs_of_the_folder(self, blobs: BlobStore) -> None:
        reference = blobs.put(KEY, b"content")
        blobs.put("attachments/1", b"content")
        other = blobs.put("contexts/1/body", b"content")
        assert sum(blobs.delete_older("attachments", LONG_AGO)) == 0
        assert blobs.get(reference) == b"content"
        assert sum(blobs.delete_older("attachments", LONG_FROM_NOW)) == 2
        with pytest.raises(KeyError):
            blobs.get(reference)
        assert blobs.get(other) == b"content"

    @pytest.mark.parametrize("folder", ["", "/", "..", "attachments/"])
    def test_folder_in_another_form_is_refused(self, blobs: BlobStore, folder: str) -> None:
        with pytest.raises(ValueError, match="a key has"):
            blobs.delete(folder)
