"""What every blob store promises."""

from datetime import UTC, datetime
from functools import partial

import pytest

from application.ports.blobs import BlobStore
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
    def test_content_comes_out_as_it_went_in(self, blobs: BlobStore, content: bytes) -> None:
        assert blobs.get(blobs.put(KEY, content)) == content

    def test_each_key_has_its_content(self, blobs: BlobStore) -> None:
        references = [blobs.put(f"contexts/{name}/body", name.encode()) for name in ("a", "b")]
        assert [blobs.get(reference) for reference in references] == [b"a", b"b"]

    def test_content_that_is_there_stays_as_it_is(self, blobs: BlobStore) -> None:
        first = blobs.put(KEY, b"first")
        assert blobs.put(KEY, b"second") == first
        assert blobs.get(first) == b"first"

    def test_of_many_contents_at_once_one_is_kept_whole(self, blobs: BlobStore) -> None:
        contents = [bytes([number]) * 10_000 for number in range(16)]
        references = at_once(partial(blobs.put, KEY, content) for content in contents)
        assert len(set(references)) == 1
        assert blobs.get(references[0]) in contents

    def test_there_is_nothing_behind_an_unknown_reference(self, blobs: BlobStore) -> None:
        reference = blobs.put(KEY, b"content")
        with pytest.raises(KeyError):
            blobs.get(f"{reference}-unknown")

    @pytest.mark.parametrize("reference", ["", KEY, "https://example.com/a", "file:///etc/passwd"])
    def test_a_foreign_reference_leads_nowhere(self, blobs: BlobStore, reference: str) -> None:
        blobs.put(KEY, b"content")
        with pytest.raises(KeyError):
            blobs.get(reference)

    @pytest.mark.parametrize(
        "key",
        ["", "/a", "a/", "a//b", ".", "../a", "a/../b", "a.b", "a b", "a\n", "ä", "a\\b", "%61"],
    )
    def test_a_key_that_nobody_generated_is_refused(self, blobs: BlobStore, key: str) -> None:
        with pytest.raises(ValueError, match="a key has"):
            blobs.put(key, b"content")

    def test_a_folder_is_deleted_with_all_that_is_in_it(self, blobs: BlobStore) -> None:
        gone = [blobs.put(f"attachments/a/{name}", b"x") for name in ("1", "2", "deep/3")]
        left = blobs.put("attachments/ab/1", b"y")
        assert blobs.delete("attachments/a") == 3
        for reference in gone:
            with pytest.raises(KeyError):
                blobs.get(reference)
        assert blobs.get(left) == b"y"

    def test_what_is_not_there_is_deleted_without_a_word(self, blobs: BlobStore) -> None:
        assert blobs.delete("attachments/a") == 0
        assert sum(blobs.delete_older("attachments", LONG_FROM_NOW)) == 0

    def test_a_deleted_blob_can_be_stored_again(self, blobs: BlobStore) -> None:
        blobs.put(KEY, b"first")
        blobs.delete("attachments/0a1b")
        assert blobs.get(blobs.put(KEY, b"second")) == b"second"

    def test_only_what_is_older_goes_by_age(self, blobs: BlobStore) -> None:
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
    def test_a_folder_that_nobody_generated_is_refused(self, blobs: BlobStore, folder: str) -> None:
        with pytest.raises(ValueError, match="a key has"):
            blobs.delete(folder)
