"""Messages as a conversation shows them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from domain.channels import ChannelType
from domain.conversations import Direction, HistoryEntry, Message
from domain.messages import Attachment, MessageState

PREVIEW_CHARACTERS = 1_200
"""How much of a text stands in a conversation, whose page must stay light."""

WHOLE_CHARACTERS = 200_000
"""How much of a text stands on the page of its message."""

MOST_FILES = 12
"""How many files of a message stand in a conversation."""

MOST_FILES_OF_WHOLE = 1_000

MOST_METADATA_CHARACTERS = 20_000

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

_STATES = {
    MessageState.PENDING: ("warn", "Recorded. It is not on its queue yet."),
    MessageState.QUEUED: ("plain", "Its context is on its queue, or was taken from there."),
    MessageState.UNMATCHED: ("warn", "Its sender had no open conversation."),
    MessageState.UNDELIVERABLE: ("bad", "It could not be put on its queue, and is a dead letter."),
    MessageState.ERASED: ("plain", "Its content was erased."),
}
_SHOWN_APART = frozenset({"subject", "attachments"})


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file of a message. ``address`` is where it is, ``None`` if it cannot be had."""

    name: str
    media_type: str
    size_bytes: int | None
    address: str | None
    is_picture: bool
    missing: str = ""


@dataclass(slots=True)
class ShownMessage:
    """A message with what a person asks about it.

    ``begins_day`` says whether it is the first one of its day in UTC.
    """

    entry: HistoryEntry
    number: int
    files: tuple[ShownFile, ...]
    hidden_files: int
    text: str
    hidden_characters: int
    begins_day: bool = False

    @property
    def message(self) -> Message:
        """What was written."""
        return self.entry.message

    @property
    def request_id(self) -> str | None:
        """Its request id; ``None`` of what an older system recorded."""
        return self.entry.record.request_id if self.entry.record else None

    @property
    def anchor(self) -> str:
        """Its id on the page, the same whenever the page is renewed."""
        return f"m-{self.request_id or f'{self.message.timestamp:%Y%m%d%H%M%S%f}-{self.number}'}"

    @property
    def is_inbound(self) -> bool:
        """Whether the customer wrote it."""
        return self.message.direction is Direction.INBOUND

    @property
    def author(self) -> str:
        """The name that came with it, and the address."""
        name = self._metadata("from_name") or self._metadata("profile_name")
        record = self.entry.record
        address = record.message.sender.value if record else self._metadata("sender")
        return f"{name} ({address})" if name and address else name or address

    @property
    def subject(self) -> str:
        """The subject of a mail."""
        return self._metadata("subject")

    @property
    def state(self) -> tuple[str, str, str] | None:
        """How far it has come, the kind of its badge, and what that means."""
        record = self.entry.record
        return (record.state.value, *_STATES[record.state]) if record else None

    @property
    def queued_after_seconds(self) -> float:
        """How long it took from the provider to the queue; 0 if it is on none."""
        record = self.entry.record
        if record is None or record.queued_at is None:
            return 0
        return (record.queued_at - record.message.received_at).total_seconds()

    @property
    def mail_index(self) -> int | None:
        """Which of its files is the mail as it was designed."""
        index = self.message.metadata.get("html_attachment_index")
        return index if isinstance(index, int) and self.request_id else None

    @property
    def reasons_for_review(self) -> Iterator[str]:
        """Why a human should look at it."""
        metadata = self.message.metadata
        if metadata.get("author_authenticated") is False:
            yield "author not authenticated"
        if "automated" in metadata:
            yield "automated mail"
        if metadata.get("regrouping_suspected") is True:
            yield "fields may be regrouped"
        if metadata.get("body_incomplete"):
            yield "text incomplete: see its files"

    @property
    def place(self) -> tuple[str, str] | None:
        """A place that the customer shared: its name, and its coordinates."""
        found = self._group("location")
        if not found:
            return None
        name = ", ".join(str(found[key]) for key in ("label", "address") if key in found)
        return name, ", ".join(str(found.get(key, "")) for key in ("latitude", "longitude"))

    @property
    def button(self) -> tuple[str, str] | None:
        """The quick reply that the customer tapped: its text, and what it stands for."""
        found = self._group("button")
        return (str(found.get("text", "")), str(found.get("payload", ""))) if found else None

    @property
    def metadata_text(self) -> str:
        """All else that is known of it, in JSON."""
        rest = {k: v for k, v in self.message.metadata.items() if k not in _SHOWN_APART}
        text = json.dumps(rest, indent=2, ensure_ascii=False, default=str) if rest else ""
        return text[:MOST_METADATA_CHARACTERS]

    def _group(self, name: str) -> Mapping[str, object]:
        group = self.message.metadata.get(name)
        return group if isinstance(group, dict) else {}

    def _metadata(self, name: str) -> str:
        text = self.message.metadata.get(name)
        return text if isinstance(text, str) else ""


HoldsFiles = Callable[[ChannelType], bool]
"""Whether files that the provider of a channel holds can be fetched."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Makes entries of a history ready to be shown.

    A page of its own shows a message that ``is_whole``; a conversation shows the new text of each.
    """

    holds_files: HoldsFiles
    is_whole: bool = False

    @property
    def most_characters(self) -> int:
        """How much of a text is shown."""
        return WHOLE_CHARACTERS if self.is_whole else PREVIEW_CHARACTERS

    @property
    def most_files(self) -> int:
        """How many files are shown."""
        return MOST_FILES_OF_WHOLE if self.is_whole else MOST_FILES

    def messages(self, entries: Iterable[HistoryEntry]) -> Sequence[ShownMessage]:
        """The messages, the oldest first. ``entries`` begin with the latest."""
        shown = [self.shown(entry, number) for number, entry in enumerate(entries)]
        shown.reverse()
        days: set[date] = set()
        for one in shown:
            day = one.message.timestamp.date()
            one.begins_day = day not in days
            days.add(day)
        return shown

    def shown(self, entry: HistoryEntry, number: int = 0) -> ShownMessage:
        """One message."""
        text = self._text(entry.message)[: self.most_characters]
        files = tuple(self._files(entry))
        return ShownMessage(
            entry,
            number,
            files[: self.most_files],
            max(len(files) - self.most_files, 0),
            text,
            len(entry.message.content) - len(text),
        )

    def _text(self, message: Message) -> str:
        """In a conversation a mail is shown without what it quotes: that stands above it."""
        new = message.metadata.get("reply_text")
        return new if isinstance(new, str) and not self.is_whole else message.content

    def _files(self, entry: HistoryEntry) -> Iterator[ShownFile]:
        record = entry.record
        if record is None:
            yield from _named(entry.message.metadata.get("attachments"))
            return
        mail = entry.message.metadata.get("html_attachment_index")
        for index, one in enumerate(record.message.attachments):
            if index != mail:
                can_be_had = bool(one.reference) or self.holds_files(entry.message.channel_type)
                yield _shown_file(record.request_id, index, one, can_be_had=can_be_had)


def _shown_file(request_id: str, index: int, one: Attachment, *, can_be_had: bool) -> ShownFile:
    return ShownFile(
        one.filename or f"File {index + 1}",
        one.content_type,
        one.size_bytes,
        f"/messages/{request_id}/attachments/{index}" if can_be_had else None,
        one.content_type in PICTURES,
        "" if can_be_had else "held by the provider, whose credentials are not set",
    )


def _named(attachments: object) -> Iterator[ShownFile]:
    """Files of which an older system tells the names."""
    for one in attachments if isinstance(attachments, list) else ():
        if isinstance(one, dict):
            name, kind, size = (one.get(key) for key in ("filename", "content_type", "size_bytes"))
            yield ShownFile(
                str(name or "File"),
                str(kind or ""),
                size if isinstance(size, int) else None,
                None,
                is_picture=False,
                missing="kept by the system that recorded the message",
            )
