"""Webhooks as the providers would make them, signed with the secret that the server believes.

The real secrets when the environment sets them, else the development secret.
"""

import ipaddress
import mimetypes
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from application.clock import utc_now
from domain.addresses import ChannelType
from entrypoints.cli.simulator.send_options import MessageOptions
from entrypoints.cli.simulator.send_posting import Webhook
from entrypoints.cli.simulator.send_values import media_type
from entrypoints.composition.backends import secret_reader
from infrastructure.configuration.secrets.development_secret import read_development_credentials
from infrastructure.configuration.settings import Settings
from infrastructure.configuration.tenants_file import read_tenant_configuration

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

Maker = Callable[[], Webhook]


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where a message goes: by which channel, to which URL, from whom, to whom."""

    channel: ChannelType
    url: str
    sender: str
    sender_name: str | None
    recipient: str


def webhook_maker(envelope: Envelope, options: MessageOptions, settings: Settings) -> Maker:
    """What makes one signed webhook after the other, each with an id of its own."""
    if envelope.channel is ChannelType.EMAIL:
        return _sendgrid_maker(envelope, options, settings)
    return _twilio_maker(envelope, options, settings)


def signed_url(url: str, public_base_url: str | None) -> str:
    """The URL that the provider signs: the public one, also when the server is reached here."""
    parts = urlsplit(url)
    if public_base_url is None or not is_this_machine(parts.hostname or ""):
        return url
    query = f"?{parts.query}" if parts.query else ""
    return f"{public_base_url}{parts.path}{query}"


def is_this_machine(host: str) -> bool:
    """Whether ``host`` is a loopback name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _twilio_maker(envelope: Envelope, options: MessageOptions, settings: Settings) -> Maker:
    from infrastructure.channels.twilio.simulator import Button, Location, Media, TwilioSimulator

    account_sid, auth_token = _twilio_credentials(settings, envelope.recipient)
    simulator = TwilioSimulator(account_sid, auth_token)
    url = signed_url(envelope.url, settings.public_base_url)
    place = options.location
    media = tuple(Media(url, media_type(url)) for url in options.media)
    is_mms = bool(media) and envelope.channel is ChannelType.SMS

    def make() -> Webhook:
        message_id = options.message_id or f"{'MM' if is_mms else 'SM'}{uuid.uuid4().hex}"
        request = simulator.request(
            url,
            envelope.channel,
            sender=envelope.sender,
            recipient=envelope.recipient,
            body=options.body if options.body is not None else _implied_body(options),
            message_sid=message_id,
            media=media,
            button=Button(*options.button) if options.button else None,
            location=Location(place.latitude, place.longitude, label=place.label)
            if place
            else None,
            profile_name=options.profile_name,
            external_user_id=options.user_id,
            reply_to_sid=options.reply_to_sid,
            messaging_service_sid=options.messaging_service,
            opt_out_type=options.opt_out_type,
            tamper=options.tamper,
        )
        return Webhook(message_id, request)

    return make


def _implied_body(options: MessageOptions) -> str:
    """A tapped button says its text; media and places say nothing."""
    return options.button[0] if options.button else ""


def _twilio_credentials(settings: Settings, recipient: str) -> tuple[str, str]:
    """The account that the recipient's company uses, and the token that signs for it."""
    if not settings.has_real_secrets:
        development = read_development_credentials(settings.data_dir)
        return development.twilio_account_sid, development.twilio_auth_token
    tenant_configuration = read_tenant_configuration(settings, secret_reader())
    owner = tenant_configuration.directory.owner_of_recipient(recipient)
    for account in tenant_configuration.accounts.twilio:
        if owner is None or account.account_sid in owner.accounts:
            return account.account_sid, account.auth_tokens[0].get_secret_value()
    raise click.ClickException(
        "real secrets are set, but no Twilio account for this recipient: "
        "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or unset the others"
    )


def _sendgrid_maker(envelope: Envelope, options: MessageOptions, settings: Settings) -> Maker:
    from infrastructure.channels.sendgrid.simulator import Mode, SendgridSimulator

    simulator = SendgridSimulator(*_sendgrid_credentials(settings, options, envelope.recipient))
    attachments = tuple(map(_attachment, options.attach))
    domain = envelope.sender.rpartition("@")[2]
    mode: Mode = "raw" if options.raw else "parsed"
    in_reply_to = _bracketed(options.in_reply_to) if options.in_reply_to else None

    def make() -> Webhook:
        message_id = _bracketed(options.message_id or f"{uuid.uuid4().hex}@{domain}")
        request = simulator.request(
            envelope.url,
            sender=envelope.sender,
            sender_name=envelope.sender_name,
            recipient=envelope.recipient,
            subject=options.subject,
            text=options.body or "",
            html=options.html,
            mode=mode,
            attachments=attachments,
            charset=options.charset,
            spf=options.spf,
            dkim=options.dkim,
            message_id=message_id,
            in_reply_to=in_reply_to,
            references=(in_reply_to,) if in_reply_to else (),
            now=utc_now(),
            tamper=options.tamper,
        )
        return Webhook(message_id, request)

    return make


def _bracketed(message_id: str) -> str:
    """A Message-ID as mail headers have it (RFC 5322, 3.6.4)."""
    return message_id if message_id.startswith("<") else f"<{message_id}>"


def _attachment(path: Path) -> tuple[str, str, bytes]:
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return path.name, content_type, path.read_bytes()


def _sendgrid_credentials(
    settings: Settings, options: MessageOptions, recipient: str
) -> tuple["EllipticCurvePrivateKey | None", str | None]:
    """What proves mail for the recipient's company: a key, a Basic auth pair, or both."""
    given_key = _read_private_key(options.private_key) if options.private_key else None
    if not settings.has_real_secrets:
        key = given_key or read_development_credentials(settings.data_dir).sendgrid_private_key
        return key, None
    tenant_configuration = read_tenant_configuration(settings, secret_reader())
    owner = tenant_configuration.directory.owner_of_recipient(recipient)
    for account in tenant_configuration.accounts.sendgrid:
        if owner is None or account.name in owner.accounts:
            if account.public_keys and given_key is None:
                raise click.ClickException(
                    "the server checks signatures of mail: name the key that signs them with "
                    "--private-key FILE or SENDGRID_PRIVATE_KEY_FILE"
                )
            if account.basic_auth or given_key:
                pair = account.basic_auth[0].get_secret_value() if account.basic_auth else None
                return given_key, pair
    raise click.ClickException(
        "real secrets are set, but none for mail to this recipient: set "
        "SENDGRID_WEBHOOK_PUBLIC_KEY or SENDGRID_BASIC_AUTH, or unset the others"
    )


def _read_private_key(path: Path) -> "EllipticCurvePrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise click.ClickException(f"{path} is no P-256 private key in PEM, without a password")
    return key
