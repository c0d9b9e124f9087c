"""Why a request that should be SendGrid's is refused."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import NamedTuple

from typing_extensions import override

from application.ports.signature_doctor import (
    Capture,
    Cause,
    Diagnosis,
    DiagnosisStatus,
    SignatureDoctor,
)
from domain.channels import ChannelType
from domain.times import readable
from infrastructure.channels.provider import DoctorTools
from infrastructure.channels.sendgrid.body_variations import (
    body_variations,
    damage,
    has_replacement_characters,
)
from infrastructure.channels.sendgrid.header_variations import (
    basic_auth_causes,
    signature_variations,
    timestamp_variations,
)
from infrastructure.channels.sendgrid.signature_explanations import Words, remedies, sentences
from infrastructure.channels.sendgrid.verification import is_signed_by, signed_digest
from infrastructure.configuration.secrets.accounts import SendgridAccount
from infrastructure.configuration.secrets.secret import Secret

_FIELDS_OF_MAIL = re.compile(rb'name="(?:envelope|SPF|dkim|sender_ip|charsets)"')
_AROUND_A_KEY = re.compile(r"-----[A-Z ]+-----|[\"']|\\n")
MAX_HASHED_BYTES = 1024 * 1024 * 1024
_VARIED = ("body", "key", "timestamp header", "signature header", "Basic credentials")


class _Key(NamedTuple):
    text: str
    causes: tuple[Cause, ...]


class _Result(NamedTuple):
    """What was found for one account; ``timestamp`` is the signed one of what fits."""

    causes: tuple[Cause, ...] = ()
    timestamp: int | None = None
    tried: int = 0
    is_unexplained: bool = False


@dataclass(frozen=True)
class SendgridSignatureDoctor(SignatureDoctor):
    """Looks for the variation of a mail that SendGrid has signed."""

    tools: DoctorTools

    @override
    def recognises(self, capture: Capture) -> bool:
        names = {name for name, _ in capture.headers}
        return (
            any("email-event-webhook" in name.replace("_", "-") for name in names)
            or (capture.header("user-agent") or "").startswith("SendGrid")
            or bool(_FIELDS_OF_MAIL.search(capture.body))
        )

    @override
    def diagnose(self, capture: Capture, channel: ChannelType | None) -> Diagnosis:
        accounts = [
            one for one in self.tools.accounts.sendgrid if one.public_keys or one.basic_auth
        ]
        accounts = accounts or self._given_account()
        if not accounts:
            return self._diagnosis(capture, _Result((Cause.NO_SECRET,)))
        results = [self._of_account(capture, account) for account in accounts]
        best = min(results, key=lambda one: (one.is_unexplained, len(one.causes)))
        causes = [] if capture.method == "POST" else [Cause.METHOD]
        causes += best.causes
        if not causes and not best.is_unexplained:
            causes += _other_causes(capture, channel)
        return self._diagnosis(capture, best._replace(causes=tuple(dict.fromkeys(causes))))

    def _given_account(self) -> list[SendgridAccount]:
        """The account that the given secrets make, where none is configured."""
        texts = [secret.get_secret_value().strip() for secret in self.tools.given_secrets]
        pairs = [text for text in texts if _is_pair(text)]
        keys = [text for text in texts if not _is_pair(text)]
        account = SendgridAccount("given", tuple(keys), tuple(map(Secret, pairs)))
        return [account] if texts else []

    def _of_account(self, capture: Capture, account: SendgridAccount) -> "_Result":
        """What keeps ``capture`` from being accepted for ``account``; both ways must pass."""
        result = _Result()
        if account.public_keys:
            result = self._signature(capture, [*self._keys(account)])
            if result.timestamp is not None:
                clock = self._clock_causes(capture, result.timestamp)
                result = result._replace(causes=(*result.causes, *clock))
        pairs = [pair.get_secret_value().encode() for pair in account.basic_auth]
        causes = basic_auth_causes(capture, pairs) if pairs else ()
        return result._replace(causes=(*result.causes, *causes))

    def _keys(self, account: SendgridAccount) -> Iterator[_Key]:
        """The keys of an account, then those that an operator has given."""
        yield from (_Key(key, ()) for key in account.public_keys)
        given = [secret.get_secret_value().strip() for secret in self.tools.given_secrets]
        given = [key for key in given if not _is_pair(key) and key not in account.public_keys]
        yield from (_Key(key, (Cause.OTHER_SECRET,)) for key in given)
        others = (key for one in self.tools.accounts.sendgrid for key in one.public_keys)
        for key in (*account.public_keys, *given, *others):
            bare = "".join(_AROUND_A_KEY.sub("", key).split())
            if bare != key:
                yield _Key(bare, (Cause.SECRET_SPELLING,))

    def _signature(self, capture: Capture, keys: list[_Key]) -> "_Result":
        signatures = [*signature_variations(capture)]
        timestamps = [*timestamp_variations(capture)]
        missing = () if signatures else (Cause.SIGNATURE_MISSING,)
        missing = missing if timestamps else (*missing, Cause.TIMESTAMP_MISSING)
        if missing:
            return _Result(missing)
        tried = hashed_bytes = 0
        for body, body_causes in body_variations(capture):
            hashed_bytes += len(body)
            if hashed_bytes > MAX_HASHED_BYTES:
                break
            for timestamp, timestamp_causes in timestamps:
                signed = signed_digest(timestamp.encode(), body)
                for key, (signature, signature_causes) in product(keys, signatures):
                    if not self.tools.may_go_on(len(body)):
                        return _Result((), None, tried, is_unexplained=True)
                    tried += 1
                    if is_signed_by(key.text, signature, signed):
                        causes = (*body_causes, *key.causes, *signature_causes, *timestamp_causes)
                        return _Result(causes, int(timestamp), tried)
        causes = damage(capture)
        return _Result(causes, None, tried, is_unexplained=not causes)

    def _clock_causes(self, capture: Capture, timestamp: int) -> Iterator[Cause]:
        tolerance = timedelta(seconds=self.tools.settings.sendgrid_tolerance_seconds)
        received_at = capture.received_at
        if received_at is not None and abs(received_at - _instant(timestamp)) > tolerance:
            yield Cause.CLOCK

    def _diagnosis(self, capture: Capture, result: "_Result") -> Diagnosis:
        at, causes = result.timestamp, result.causes
        words = Words(
            method=capture.method,
            path=capture.path,
            signed_at=readable(_instant(at)) if at else "",
            tolerance=f"{self.tools.settings.sendgrid_tolerance_seconds} s",
        )
        was_received = bool(capture.checked_urls)
        lines = remedies(causes, words, was_received=was_received)
        if result.is_unexplained:
            status = DiagnosisStatus.UNEXPLAINED if not causes else DiagnosisStatus.EXPLAINED
            text = f"None of {result.tried} variations of body, key and headers has this signature."
            if was_received:
                text, lines = f"{text} {_SUSPICION}", (*lines, _COMPARE)
            else:
                lines = (*lines, *_next_steps(capture))
        elif causes:
            status, text = DiagnosisStatus.EXPLAINED, ""
        else:
            status, text = DiagnosisStatus.ACCEPTED, "What proves the sender is right."
            lines = tuple(self._age(capture, at))
        text = " ".join(part for part in (sentences(causes, words), text) if part)
        kinds = _VARIED if status is not DiagnosisStatus.ACCEPTED and result.tried else ()
        return Diagnosis(
            capture.title,
            "SendGrid",
            status,
            causes,
            text,
            lines,
            tried=result.tried,
            tried_kinds=kinds,
            is_certain=at is not None,
        )

    def _age(self, capture: Capture, timestamp: int | None) -> Iterator[str]:
        """A warning where the capture does not tell when the request came in."""
        if timestamp is None or capture.received_at is not None:
            return
        tolerance = timedelta(seconds=self.tools.settings.sendgrid_tolerance_seconds)
        yield (
            f"It was signed at {readable(_instant(timestamp))}. It is refused all the "
            f"same if the server's clock was more than {tolerance} away from that when it came in"
        )


_SUSPICION = (
    "So SENDGRID_WEBHOOK_PUBLIC_KEY is most probably not the key of this parse setting, or a proxy "
    "changes the body in more than one way."
)
_COMPARE = (
    "Compare SENDGRID_WEBHOOK_PUBLIC_KEY with the public_key of the security policy that is "
    "attached to this parse setting: the key of the Event Webhook is another one"
)
_NEXT_STEPS = (
    f"{_COMPARE}. Try another key with --secret",
    "Capture the request again with its raw bytes, as close to Frontdesk as you can: the signature "
    "covers the body byte for byte, and what a program has parsed cannot be put together again",
)


def _instant(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def _other_causes(capture: Capture, channel: ChannelType | None) -> Iterator[Cause]:
    """What else is wrong with a request whose signature is right."""
    if "json" in (capture.header("content-type") or "").lower():
        yield Cause.NOT_A_MESSAGE
    elif channel is None:
        yield Cause.CHANNEL_PATH


def _next_steps(capture: Capture) -> Iterator[str]:
    if has_replacement_characters(capture.body):
        yield (
            "The body has replacement characters (U+FFFD): if no author wrote them, something has "
            "decoded it as text, and what they stood for is gone"
        )
    yield from _NEXT_STEPS


def _is_pair(text: str) -> bool:
    """Whether a given secret is ``user:password``, and no key."""
    return ":" in text and "BEGIN" not in text
