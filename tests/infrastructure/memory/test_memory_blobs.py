"""Blobs and dead letters in memory fulfil the contracts."""

import pytest

from application.ports.blobs import BlobStore
from application.ports.dead_letters import DeadLetters
from infrastructure.memory.memory_blobs import MemoryBlobStore, MemoryDeadLetters
from tests.contracts.blob_store import BlobStoreContract
from tests.contracts.dead_letters import DeadLettersContract


class TestMemoryBlobStore(BlobStoreContract):
    @pytest.fixture
    def blobs(self) -> BlobStore:
        return MemoryBlobStore()


class TestMemoryDeadLetters(DeadLettersContract):
    @pytest.fixture
    def dead_letters(self) -> DeadLetters:
        return MemoryDeadLetters()
