"""Why a provider's webhook is refused: what was captured, and what a doctor finds of it."""

from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.channels import ChannelType


@dataclass(frozen=True, slots=True)
class Capture:
    """A request as some tool has recorded it. Nothing of it is trusted, and nothing is stored.

    ``title`` says which request it is, for a person: tool, method and URL without query.
    ``origin`` is the scheme and the host that the request itself shows, ``path`` and ``queries``
    what follows, as they were sent; there are several queries where the tool has decoded them.
    ``path_without_stage`` is set where ``path`` begins with a gateway's stage. ``hosts`` are
    further hosts that it names. ``headers`` have lower-case names, with repetitions.
    ``received_at`` is set where the tool has noted it. ``is_event`` tells what a gateway has made
    of a request for a function. ``flaw`` says what the tool has lost. ``checked_urls`` are those
    for which Frontdesk itself has checked it, where it has: then nothing was lost.
    """

    title: str
    method: str
    origin: str = field(repr=False)
    path: str = field(repr=False)
    queries: tuple[str, ...] = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    path_without_stage: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = field(default=(), repr=False)
    received_at: datetime | None = None
    is_event: bool = False
    flaw: str | None = None
    checked_urls: tuple[str, ...] = field(default=(), repr=False)

    def header(self, name: str) -> str | None:
        """The first value of a header; ``None`` if it is missing."""
        return next((value for key, value in self.headers if key == name), None)


class Cause(StrEnum):
    """Why a signature does not fit: how the request, or a secret, differs from what was signed."""

    SCHEME = "scheme"
    HOST = "host"
    PORT = "port"
    PATH_PREFIX_REMOVED = "path_prefix_removed"
    PATH_PREFIX_ADDED = "path_prefix_added"
    TRAILING_SLASH = "trailing_slash"
    PATH = "path"
    QUERY_DROPPED = "query_dropped"
    QUERY_ADDED = "query_added"
    QUERY_ORDER = "query_order"
    QUERY_SPELLING = "query_spelling"
    QUERY = "query"

    METHOD = "method"
    CONTENT_TYPE = "content_type"
    CHANNEL_PATH = "channel_path"
    NOT_A_MESSAGE = "not_a_message"

    BODY_MISSING = "body_missing"
    BODY_TOO_LARGE = "body_too_large"
    BODY_CUT = "body_cut"
    BODY_BASE64 = "body_base64"
    BODY_DECODED = "body_decoded"
    BODY_REBUILT = "body_rebuilt"
    BODY_TO_JSON = "body_to_json"
    BODY_TO_MULTIPART = "body_to_multipart"
    BODY_ENCODING = "body_encoding"
    PLUS_SIGNS = "plus_signs"
    DOUBLE_ENCODING = "double_encoding"
    CHARSET = "charset"
    LINE_BREAKS = "line_breaks"
    TRIMMED_VALUES = "trimmed_values"
    ESCAPED_VALUES = "escaped_values"
    EMPTY_FIELDS_DROPPED = "empty_fields_dropped"
    EMPTY_FIELDS_ADDED = "empty_fields_added"
    FIELDS_ADDED = "fields_added"
    FIELD_NAMES = "field_names"

    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_RENAMED = "signature_renamed"
    SIGNATURE_REPEATED = "signature_repeated"
    SIGNATURE_ALTERED = "signature_altered"
    SIGNED_OTHERWISE = "signed_otherwise"
    TIMESTAMP_MISSING = "timestamp_missing"
    TIMESTAMP_ALTERED = "timestamp_altered"
    CLOCK = "clock"

    NO_SECRET = "no_secret"  # noqa: S105 - the name of a cause
    OTHER_SECRET = "other_secret"  # noqa: S105 - the name of a cause
    SECRET_SPELLING = "secret_spelling"  # noqa: S105 - the name of a cause
    OTHER_ACCOUNT = "other_account"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_MISSING = "account_missing"
    BASIC_AUTH_MISSING = "basic_auth_missing"
    BASIC_AUTH_WRONG = "basic_auth_wrong"
    BASIC_AUTH_SPELLING = "basic_auth_spelling"


class DiagnosisStatus(StrEnum):
    """How far a doctor got."""

    ACCEPTED = "accepted"
    """The request is authentic as it stands, with the present settings."""
    EXPLAINED = "explained"
    """It is refused for ``causes``. Without them it would be accepted, or they alone suffice."""
    UNEXPLAINED = "unexplained"
    """It is refused, and nothing that was tried makes it authentic."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a doctor finds of a capture. No text of it holds a secret or a signature.

    ``explanation`` names the causes in a sentence for each. Each of ``remedies`` is needed, and
    may name alternatives; where nothing is explained they are next steps, the likeliest first.
    ``setting`` is a variable with the value that cures the URL; it has been tried. ``tried``
    counts the computed signatures, and ``tried_kinds`` says what was varied. It ``is_certain``
    where a signature that was computed fits.
    """

    title: str
    provider: str
    status: DiagnosisStatus
    causes: tuple[Cause, ...]
    explanation: str
    remedies: tuple[str, ...] = ()
    setting: tuple[str, str] | None = None
    tried: int = 0
    tried_kinds: tuple[str, ...] = ()
    is_certain: bool = False

    @property
    def search(self) -> str | None:
        """How much was tried, in words; ``None`` where nothing had to be."""
        if not self.tried_kinds:
            return None
        signatures = "1 signature" if self.tried == 1 else f"{self.tried} signatures"
        return f"{signatures} computed, varying {', '.join(self.tried_kinds)}"

    @property
    def between_remedies(self) -> str:
        """Each remedy is needed, or they are next steps to choose from."""
        return "and" if self.status is DiagnosisStatus.EXPLAINED else "or"


class SignatureDoctor(Protocol):
    """Says of a request why its signature is refused. It computes, and asks no one."""

    @abstractmethod
    def recognises(self, capture: Capture) -> bool:
        """Whether ``capture`` looks like a webhook of this provider."""

    @abstractmethod
    def diagnose(self, capture: Capture, channel: ChannelType | None) -> Diagnosis:
        """Which variation of ``capture`` would be authentic, with the fewest changes.

        ``channel`` is the one that the path names. Raises ``SecretsUnavailableError``.
        """
