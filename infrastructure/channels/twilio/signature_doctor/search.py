"""The search for the variation of a request that its signature fits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from application.ports.signature_doctor import Cause
from infrastructure.channels.provider import MayGoOn, without_limit
from infrastructure.channels.twilio.signature_doctor.best_first import Axis, Variation, best_first
from infrastructure.channels.twilio.signature_doctor.secret_variations import Token
from infrastructure.channels.twilio.verification import is_signed

MAX_VARIATIONS = 30_000
MAX_HASHED_BYTES = 256 * 1024 * 1024


class Match(NamedTuple):
    """The variation that is signed. ``causes`` are those beside the URL."""

    url: str
    token: Token
    causes: tuple[Cause, ...]


@dataclass
class Search:
    """Computes signatures until one fits, and counts them."""

    signatures: Sequence[Variation[str]]
    tokens: Axis[Token]
    may_go_on: MayGoOn = without_limit
    tried: int = field(default=0, init=False)
    _hashed_bytes: int = field(default=0, init=False)

    def find(self, urls: Axis[str], forms: Axis[str]) -> Match | None:
        """The match with the fewest changes among the combinations; ``None`` if there is none."""
        combinations = best_first((urls, forms, self.tokens))
        for url, form, token in combinations:
            text = url.value + form.value
            for signature in self.signatures:
                if self.tried == MAX_VARIATIONS or self._hashed_bytes > MAX_HASHED_BYTES:
                    return None
                if not self.may_go_on(len(text)):
                    return None
                self.tried += 1
                self._hashed_bytes += len(text)
                if is_signed(text, signature.value, token.value.text):
                    causes = (*form.causes, *token.causes, *signature.causes)
                    return Match(url.value, token.value, tuple(dict.fromkeys(causes)))
        return None
