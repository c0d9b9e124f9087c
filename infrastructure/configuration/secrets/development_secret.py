"""The development secret: what makes the server work before any provider account exists.

One random secret is kept in the data directory, readable by its owner alone; the Twilio
token and the SendGrid key that ``frontdesk send`` signs with are derived from it.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import SecretsUnavailableError
from infrastructure.configuration.secrets.accounts import (
    SINGLE_SENDGRID_ACCOUNT,
    SendgridAccount,
    TwilioAccount,
)
from infrastructure.configuration.secrets.secret import Secret
from infrastructure.durable_files import create_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

FILE_NAME = "development-secret"
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class DevelopmentCredentials:
    """The credentials of a Twilio and a SendGrid account that exist on this machine only."""

    secret: bytes = field(repr=False)

    @property
    def twilio_account_sid(self) -> str:
        """In the form of a real one."""
        return "AC" + self._derive("twilio account")[:16].hex()

    @property
    def twilio_auth_token(self) -> str:
        """In the form of a real one."""
        return self._derive("twilio token")[:16].hex()

    @property
    def sendgrid_private_key(self) -> "EllipticCurvePrivateKey":
        """The key that signs simulated mail (P-256)."""
        from cryptography.hazmat.primitives.asymmetric import ec

        number = int.from_bytes(self._derive("sendgrid key"), "big") % (_P256_ORDER - 1) + 1
        return ec.derive_private_key(number, ec.SECP256R1())

    @property
    def sendgrid_public_key(self) -> str:
        """The matching public key, in the form that SendGrid shows."""
        from cryptography.hazmat.primitives import serialization

        der = self.sendgrid_private_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(der).decode()

    @property
    def twilio_account(self) -> TwilioAccount:
        """The Twilio account that is trusted while no real secret is configured."""
        return TwilioAccount(self.twilio_account_sid, (Secret(self.twilio_auth_token),))

    @property
    def sendgrid_account(self) -> SendgridAccount:
        """The SendGrid account that is trusted while no real secret is configured."""
        return SendgridAccount(SINGLE_SENDGRID_ACCOUNT, (self.sendgrid_public_key,))

    def _derive(self, purpose: str) -> bytes:
        return hmac.digest(self.secret, purpose.encode(), hashlib.sha256)


def read_development_credentials(data_dir: Path) -> DevelopmentCredentials:
    """The credentials kept in ``data_dir``; ``SecretsUnavailableError`` if there are none."""
    path = data_dir / FILE_NAME
    try:
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except FileNotFoundError as error:
        raise SecretsUnavailableError(
            f"no development secret in {data_dir}: start 'frontdesk serve' here, set DATA_DIR to "
            "the directory of the server, or set the same secrets as the server has",
            needs_operator=True,
        ) from error
    except (OSError, ValueError) as error:
        raise SecretsUnavailableError(
            f"the development secret in {data_dir} cannot be read: remove {path} to get a new one",
            needs_operator=True,
        ) from error
    if len(secret) < hashlib.sha256().digest_size:
        raise SecretsUnavailableError(
            f"the development secret in {data_dir} is too short: remove {path} to get a new one",
            needs_operator=True,
        )
    return DevelopmentCredentials(secret)


def keep_development_credentials(data_dir: Path) -> DevelopmentCredentials:
    """The credentials kept in ``data_dir``, made there (mode 0600) if there are none.

    Of two processes that start at once, one makes them and both use the same.
    """
    path = data_dir / FILE_NAME
    if not path.exists():
        create_file(path, secrets.token_hex(32).encode())
    return read_development_credentials(data_dir)
