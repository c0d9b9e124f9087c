"""Which SendGrid account a webhook comes from: ECDSA signatures, Basic auth, or both.

https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/securing-your-parse-webhooks
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple

from application.clock import Clock
from application.ports.webhook_parser import WebhookRequest
from domain.errors import ValidationError
from infrastructure.channels.provider import Accounts
from infrastructure.configuration.secrets.accounts import SendgridAccount

SIGNATURE_HEADER = "x-twilio-email-event-webhook-signature"
TIMESTAMP_HEADER = "x-twilio-email-event-webhook-timestamp"
AUTHORIZATION_HEADER = "authorization"

DEFAULT_TOLERANCE = timedelta(seconds=345_600)
"""96 h: SendGrid tries again for 72 h, and may repeat the first timestamp."""

_SECURITY_HEADERS = (SIGNATURE_HEADER, TIMESTAMP_HEADER, AUTHORIZATION_HEADER)
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_MAX_SIGNATURE_LENGTH = 200
_MAX_AUTHORIZATION_LENGTH = 2_000


@dataclass(frozen=True)
class SendgridVerifier:
    """Proves webhooks. It fails closed: whatever goes wrong, the request is not authentic."""

    accounts: Accounts
    clock: Clock
    tolerance: timedelta = DEFAULT_TOLERANCE

    def __call__(self, request: WebhookRequest) -> str:
        """The name of the account that sent ``request``, else ``ValidationError``.

        Secrets that cannot be read at the moment stay the ``TemporaryError`` that they are.
        """
        accounts = self.accounts().sendgrid
        try:
            return self._verified_account(request, accounts)
        except Exception as error:
            raise ValidationError("not signed by a known account") from error

    def _verified_account(
        self, request: WebhookRequest, accounts: tuple[SendgridAccount, ...]
    ) -> str:
        names = [name for name, _ in request.headers]
        if any(names.count(header) > 1 for header in _SECURITY_HEADERS):
            raise ValidationError("a security header is repeated")
        signature = self._signature_of(request)
        credentials = basic_credentials(request.header(AUTHORIZATION_HEADER))
        for account in accounts:
            if _verifies(account, signature, credentials):
                return account.name
        raise ValidationError("no account's secrets verify it")

    def _signature_of(self, request: WebhookRequest) -> "_Signature | None":
        """The signature of ``request``; ``None`` if there is none, or none of its time."""
        signature, timestamp = request.header(SIGNATURE_HEADER), request.header(TIMESTAMP_HEADER)
        if not signature or not timestamp or len(signature) > _MAX_SIGNATURE_LENGTH:
            return None
        now = self.clock().timestamp()
        if (
            not _TIMESTAMP.fullmatch(timestamp)
            or abs(now - int(timestamp)) > self.tolerance.total_seconds()
        ):
            return None
        # Hashed once, however many keys are tried on it.
        digest = signed_digest(timestamp.encode("ascii"), request.body)
        return _Signature(base64.b64decode(signature, validate=True), digest)


class _Signature(NamedTuple):
    der: bytes
    digest: bytes


def _verifies(
    account: SendgridAccount, signature: _Signature | None, credentials: bytes | None
) -> bool:
    """Both ways must pass where both are configured; with neither, nothing passes."""
    checks = []
    if account.public_keys:
        checks.append(signature is not None and _signed_by_one_of(account.public_keys, signature))
    if account.basic_auth:
        pairs = [pair.get_secret_value().encode() for pair in account.basic_auth]
        checks.append(credentials is not None and _is_one_of(pairs, credentials))
    return bool(checks) and all(checks)


def _signed_by_one_of(public_keys: Iterable[str], signature: _Signature) -> bool:
    return any(is_signed(signature) for is_signed in filter(None, map(_check_by, public_keys)))


def signed_digest(timestamp: bytes, body: bytes) -> bytes:
    """The hash of what SendGrid signs. A body of 30 MB is never copied for it."""
    digest = hashlib.sha256(timestamp)
    digest.update(body)
    return digest.digest()


def is_signed_by(public_key: str, signature: bytes, digest: bytes) -> bool:
    """Whether ``signature``, in DER, is one of ``public_key`` for what has this ``digest``."""
    return _signed_by_one_of((public_key,), _Signature(signature, digest))


def _is_one_of(pairs: Iterable[bytes], credentials: bytes) -> bool:
    # Every pair is compared, by hashes, so that the time tells neither which one is close nor
    # how long one is.
    digest = hashlib.sha256(credentials).digest()
    matches = [
        hmac.compare_digest(hashlib.sha256(pair).digest(), digest) and pair != b"" for pair in pairs
    ]
    return any(matches)


@lru_cache(maxsize=256)
def _check_by(public_key: str) -> Callable[[_Signature], bool] | None:
    """Whether a signature is of the P-256 key, SubjectPublicKeyInfo DER in base64.

    ``None`` if it is no such key.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import (
        ECDSA,
        SECP256R1,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        der = base64.b64decode("".join(public_key.split()), validate=True)
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not (isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)):
        return None
    verify, algorithm = key.verify, ECDSA(Prehashed(SHA256()))

    def is_signed(signature: _Signature) -> bool:
        try:
            verify(signature.der, signature.digest, algorithm)
        except InvalidSignature:
            return False
        return True

    return is_signed


def basic_credentials(authorization: str | None) -> bytes | None:
    """``user:password`` of a Basic ``Authorization`` header (RFC 7617)."""
    scheme, _, encoded = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _MAX_AUTHORIZATION_LENGTH:
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return None
