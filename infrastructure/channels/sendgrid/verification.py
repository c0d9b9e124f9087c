"""Which SendGrid account a webhook comes from: ECDSA signatures, Basic auth, or both.

https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/securing-your-parse-webhooks
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple

from application.clock import Clock
from application.ports.webhook_parser import WebhookRequest
from domain.errors import KnownAccountRefusedError, ValidationError
from infrastructure.channels.provider import Accounts
from infrastructure.configuration.secrets.accounts import (
    SINGLE_SENDGRID_ACCOUNT,
    SendgridAccount,
)

SIGNATURE_HEADER = "x-twilio-email-event-webhook-signature"
TIMESTAMP_HEADER = "x-twilio-email-event-webhook-timestamp"
AUTHORIZATION_HEADER = "authorization"

DEFAULT_TOLERANCE = timedelta(seconds=345_600)
"""96 h: SendGrid tries again for 72 h, and may repeat the first timestamp."""

_SIGNATURE_HEADERS = (SIGNATURE_HEADER, TIMESTAMP_HEADER)
_SECURITY_HEADERS = (*_SIGNATURE_HEADERS, AUTHORIZATION_HEADER)
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_REFUSED = "not signed by a known account"
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

        It is a ``KnownAccountRefusedError`` where the request has a header of SendGrid's
        signature, or the Basic user of an account. Secrets that cannot be read at the moment
        stay the ``TemporaryError`` that they are.
        """
        accounts = self.accounts().sendgrid
        try:
            return self._verified_account(request, accounts)
        except KnownAccountRefusedError:
            raise
        except Exception as error:
            raise ValidationError(_REFUSED) from error

    def _verified_account(
        self, request: WebhookRequest, accounts: tuple[SendgridAccount, ...]
    ) -> str:
        signature = self._signature_of(request)
        credentials = basic_credentials(request.header(AUTHORIZATION_HEADER))
        reasons: list[str] = []
        for account in accounts:
            reason = _refusal_reason(account, signature, credentials)
            if reason is None:
                return account.name
            reasons.append(reason)
        raise _refusal(request, accounts, reasons, credentials)

    def _signature_of(self, request: WebhookRequest) -> "_Signature | str":
        """The signature of ``request``, or the reason why it has none that could fit."""
        signature, timestamp = request.header(SIGNATURE_HEADER), request.header(TIMESTAMP_HEADER)
        if _is_repeated(request):
            return "header_repeated"
        if not signature or not timestamp:
            return "timestamp_missing" if signature else "signature_missing"
        if not _TIMESTAMP.fullmatch(timestamp):
            return "timestamp_ill_formed"
        if abs(self.clock().timestamp() - int(timestamp)) > self.tolerance.total_seconds():
            return "timestamp_outside_tolerance"
        if (der := _der_of(signature)) is None:
            return "signature_ill_formed"
        # Hashed once, however many keys are tried on it.
        return _Signature(der, signed_digest(timestamp.encode("ascii"), request.body))


class _Signature(NamedTuple):
    der: bytes
    digest: bytes


def _der_of(signature: str) -> bytes | None:
    if len(signature) > _MAX_SIGNATURE_LENGTH:
        return None
    try:
        return base64.b64decode(signature, validate=True)
    except ValueError:
        return None


def _is_repeated(request: WebhookRequest) -> bool:
    names = [name for name, _ in request.headers]
    return any(names.count(header) > 1 for header in _SECURITY_HEADERS)


def _refusal_reason(
    account: SendgridAccount, signature: _Signature | str, credentials: bytes | None
) -> str | None:
    """Why the secrets of ``account`` do not verify a webhook; ``None`` if they do.

    Both ways must pass where both are configured; with neither, nothing passes.
    """
    if signature == "header_repeated":
        return signature
    reasons: list[str | None] = []
    if account.public_keys:
        reasons.append(_signature_reason(account.public_keys, signature))
    if account.basic_auth:
        pairs = [pair.get_secret_value().encode() for pair in account.basic_auth]
        is_right = credentials is not None and _is_one_of(pairs, credentials)
        reasons.append(
            None if is_right else f"basic_auth_{'mismatch' if credentials else 'missing'}"
        )
    return next(filter(None, reasons), None) if reasons else "no_secret_configured"


def _signature_reason(public_keys: Iterable[str], signature: _Signature | str) -> str | None:
    if isinstance(signature, str):
        return signature
    return None if _signed_by_one_of(public_keys, signature) else "signature_mismatch"


def _refusal(
    request: WebhookRequest,
    accounts: Sequence[SendgridAccount],
    reasons: Sequence[str],
    credentials: bytes | None,
) -> ValidationError:
    """The error of a webhook that no account verifies: of the account that it names, if any.

    A signature names none: where there are several accounts, any of them may have been meant.
    """
    named = [
        (account.name, reason)
        for account, reason in zip(accounts, reasons, strict=True)
        if _has_user(account, credentials)
    ]
    is_signed = any(name in _SIGNATURE_HEADERS for name, _ in request.headers)
    if not named and is_signed:
        name = accounts[0].name if len(accounts) == 1 else SINGLE_SENDGRID_ACCOUNT
        named = [(name, reason) for reason in reasons if reason != "no_secret_configured"]
        named = named or [(name, "no_secret_configured")]
    if not named:
        return ValidationError(_REFUSED)
    name, reason = named[0]
    return KnownAccountRefusedError(_REFUSED, account=name, reason=reason)


def _has_user(account: SendgridAccount, credentials: bytes | None) -> bool:
    """Whether the Basic user is one of the account's. How long it takes does not tell."""
    users = [pair.get_secret_value().encode().partition(b":")[0] for pair in account.basic_auth]
    given, colon, _ = (credentials or b"").partition(b":")
    return _is_one_of(users, given) and bool(colon)


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
