"""The tokens and the signatures that may belong to a captured request."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple
from urllib.parse import unquote

from application.ports.signature_doctor import Capture, Cause
from infrastructure.channels.twilio.signature_doctor.best_first import Axis, Variation, ranked
from infrastructure.configuration.secrets.accounts import TwilioAccount
from infrastructure.configuration.secrets.secret import Secret

MAX_SIGNATURES = 8
SIGNATURE_HEADER = "x-twilio-signature"
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{27}=")
_ALMOST = re.compile(r"[A-Za-z0-9+/_ -]{27}=?")
_TOKEN = re.compile(r"[0-9a-f]{32}")
_QUOTES = "\"'`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
_NAMED = re.compile(r"\A[A-Za-z_]+\s*[=:]\s*")


class Token(NamedTuple):
    """A token, and the account that is configured with it; ``None`` for one that was given."""

    text: str
    account_sid: str | None

    def __repr__(self) -> str:
        return f"Token(account_sid={self.account_sid!r})"


def token_variations(
    account_sid: str | None, accounts: Iterable[TwilioAccount], given: Sequence[Secret]
) -> Axis[Token]:
    """The tokens that may have signed for ``account_sid``, those first that Frontdesk tries.

    A token that an operator has ``given`` is as good as a configured one where its account has
    none, and another one where it has. Without ``account_sid`` it may be any of ``accounts``.
    """
    own: list[Token] = []
    others: list[Token] = []
    for account in accounts:
        tokens = [Token(secret.get_secret_value(), account.account_sid)
                  for secret in account.auth_tokens]  # fmt: skip
        (own if account_sid in {None, account.account_sid} else others).extend(tokens)
    asked = [Token(secret.get_secret_value(), None) for secret in given]
    cost = 1.0 if own else 0.0
    variations = [
        *(Variation(token) for token in own),
        *(Variation(token, cost, (Cause.OTHER_SECRET,) if own else ()) for token in asked),
        *(Variation(token, 1.0, (Cause.OTHER_ACCOUNT,)) for token in others),
    ]
    for variation in [*variations]:
        token, causes = variation.value, variation.causes
        for text in _spellings(token.text):
            spelled = (*causes, Cause.SECRET_SPELLING)
            variations.append(Variation(token._replace(text=text), variation.cost + 1.0, spelled))
    return ranked(one for one in variations if one.value.text)


def _spellings(text: str) -> Iterator[str]:
    """The token in ``text`` that somebody has copied with something around it."""
    bare = text.strip().strip("\N{ZERO WIDTH NO-BREAK SPACE}\N{ZERO WIDTH SPACE}")
    spellings = (
        bare,
        bare.strip(_QUOTES),
        _NAMED.sub("", bare).strip(_QUOTES),
        bare.strip(_QUOTES).lower(),
        "".join(bare.split()),
        bare.rpartition(":")[2],
        bare.replace("\\n", ""),
    )
    yield from (spelling for spelling in dict.fromkeys(spellings) if spelling != text)


def looks_like_token(text: str) -> bool:
    """Whether ``text`` has the form of an auth token."""
    return bool(_TOKEN.fullmatch(text))


class Signatures(NamedTuple):
    """What may be the signature of a request, and in which header it was found."""

    variations: list[Variation[str]]
    header: str


def signature_variations(capture: Capture) -> Signatures:
    """The signatures in ``capture``; none if no header has anything like one."""
    values = [value for name, value in capture.headers if name == SIGNATURE_HEADER]
    if len(values) > 1:
        texts = dict.fromkeys(part for value in values for part in _forms(value))
        first = islice(texts, MAX_SIGNATURES)
        repeated = [Variation(text, 1.0, (Cause.SIGNATURE_REPEATED,)) for text in first]
        return Signatures(repeated, SIGNATURE_HEADER)
    if values and _SIGNATURE.fullmatch(values[0]):
        return Signatures([Variation(values[0])], SIGNATURE_HEADER)
    if values:
        altered = [Variation(text, 1.0, (Cause.SIGNATURE_ALTERED,)) for text in _forms(values[0])]
        return Signatures(altered, SIGNATURE_HEADER)
    renamed = [
        (name, text)
        for name, value in capture.headers
        for text in _forms(value)
        if "sign" in name or _SIGNATURE.fullmatch(value)
    ]
    variations = [
        Variation(text, 1.0, (Cause.SIGNATURE_RENAMED,)) for _, text in renamed[:MAX_SIGNATURES]
    ]
    return Signatures(variations, renamed[0][0] if renamed else "")


def _forms(value: str) -> Iterator[str]:
    """The signatures that ``value`` may have been before something on the way changed it."""
    for part in (value, *value.split(",")):
        text = unquote(part.strip().strip(_QUOTES))
        text = text.rpartition("sha1=")[2] or text
        if _ALMOST.fullmatch(text):
            text = text.replace(" ", "+").replace("-", "+").replace("_", "/")
            yield f"{text.rstrip('=')}="
