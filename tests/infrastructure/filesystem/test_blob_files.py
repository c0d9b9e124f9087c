"""Blobs as files fulfil the contract, and are private and whole."""

import stat
from pathlib import Path

import pytest

from application.ports.blobs import BlobStore
from domain.errors import StorageUnavailableError
from infrastructure.filesystem.blob_files import FileBlobStore
from tests.contracts.blob_store import KEY, LONG_FROM_NOW, BlobStoreContract

PLACE = "attachments.0a/0a1b.c-d_E"
"""Of the blob with the key."""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "with a space" / "blobs"


class TestFileBlobStore(BlobStoreContract):
    @pytest.fixture
    def blobs(self, directory: Path) -> BlobStore:
        return FileBlobStore(directory)


def test_blob_reference_is_the_uri_of_its_file(directory: Path) -> None:
    reference = FileBlobStore(directory).put(KEY, b"content")
    assert reference == (directory / PLACE).as_uri()


def test_blob_is_read_after_the_directory_is_opened_again(directory: Path) -> None:
    reference = FileBlobStore(directory).put(KEY, b"content")
    assert FileBlobStore(directory).get(reference) == b"content"


def test_blob_files_and_directories_are_private(directory: Path) -> None:
    FileBlobStore(directory).put(KEY, b"content")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (directory / PLACE).parents[:2]}
    assert modes == {0o700}
    assert stat.S_IMODE((directory / PLACE).stat().st_mode) == 0o600


def test_put_of_a_blob_leaves_no_temporary_file(directory: Path) -> None:
    store = FileBlobStore(directory)
    store.put(KEY, b"first")
    store.put(KEY, b"second")
    assert [path.name for path in (directory / PLACE).parent.iterdir()] == [Path(PLACE).name]


def test_blobs_of_one_folder_are_deleted_wherever_they_lie(directory: Path) -> None:
    store = FileBlobStore(directory)
    store.put(KEY, b"content")
    in_a_directory = directory / "attachments" / "0a1b" / "f"
    in_a_directory.parent.mkdir(parents=True)
    in_a_directory.write_bytes(b"content of an earlier version")
    assert store.get(in_a_directory.as_uri()) == b"content of an earlier version"
    assert store.delete("attachments/0a1b") == 2
    assert [path.name for path in directory.iterdir()] == ["attachments.0a"]


def test_blobs_of_an_earlier_version_are_deleted_by_their_age(directory: Path) -> None:
    (directory / "attachments" / "0a1b").mkdir(parents=True)
    (directory / "attachments" / "0a1b" / "f").touch()
    assert sum(FileBlobStore(directory).delete_older("attachments", LONG_FROM_NOW)) == 1


def test_blob_that_is_being_written_is_not_deleted(directory: Path) -> None:
    store = FileBlobStore(directory)
    store.put(KEY, b"content")
    (directory / "attachments.0a" / ".e27a5b1c.tmp").touch()
    assert sum(store.delete_older("attachments", LONG_FROM_NOW)) == 1
    assert [path.name for path in (directory / PLACE).parent.iterdir()] == [".e27a5b1c.tmp"]


@pytest.mark.parametrize("key", ["../secret", "%2e%2e/secret", "a/../../secret", "", "a", "."])
def test_blob_reference_outside_the_directory_is_refused(directory: Path, key: str) -> None:
    store = FileBlobStore(directory)
    store.put("a/b", b"content")
    (directory.parent / "secret").write_bytes(b"secret")
    with pytest.raises(KeyError):
        store.get(f"{directory.as_uri()}/{key}")


def test_directory_that_cannot_be_created_is_unavailable_storage(directory: Path) -> None:
    directory.parent.mkdir()
    directory.write_bytes(b"a file is in the way")
    with pytest.raises(StorageUnavailableError) as caught:
        FileBlobStore(directory).put(KEY, b"content")
    assert isinstance(caught.value.__cause__, OSError)
