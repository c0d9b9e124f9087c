"""``frontdesk send``: the request of each channel, and the secret that signs it."""

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from infrastructure.configuration.secrets.development_secret import DevelopmentCredentials
from tests.entrypoints.cli.support import (
    EMAIL,
    SMS,
    WHATSAPP,
    FakeServer,
    a_server,
    error_line,
    form,
    run_frontdesk,
)

pytestmark = pytest.mark.usefixtures("development")


class TestTwilio:
    def test_send_whatsapp_puts_every_option_into_the_form(self) -> None:
        with a_server() as server:
            run_frontdesk(
                *WHATSAPP, "--to", "+15005550011", "--body", "Hi", "--media",
                "https://example.com/a.png", "--media", "https://example.com/b", "--button",
                "Yes=yes_1", "--location", "52.5,13.4,Café, Berlin", "--profile-name", "Ana",
                "--url", server.url,
            )  # fmt: skip
        expected = {
            "From": "whatsapp:+14155550123",
            "To": "whatsapp:+15005550011",
            "Body": "Hi",
            "NumMedia": "2",
            "MediaUrl0": "https://example.com/a.png",
            "MediaContentType0": "image/png",
            "MediaContentType1": "image/jpeg",
            "ButtonText": "Yes",
            "ButtonPayload": "yes_1",
            "Latitude": "52.5",
            "Longitude": "13.4",
            "Label": "Café, Berlin",
            "ProfileName": "Ana",
        }
        assert {name: form(server)[name] for name in expected} == expected

    def test_send_sms_with_media_uses_the_message_id_of_an_mms(self) -> None:
        with a_server() as server:
            run_frontdesk(*SMS, "--media", "https://example.com/a.png", "--url", server.url)
        assert form(server)["MessageSid"].startswith("MM")

    def test_send_whatsapp_with_a_button_uses_its_text_as_the_body(self) -> None:
        with a_server() as server:
            run_frontdesk(*WHATSAPP, "--button", "Yes", "--url", server.url)
        assert (form(server)["Body"], form(server)["ButtonPayload"]) == ("Yes", "Yes")

    def test_send_sms_signs_with_the_first_configured_token(
        self, monkeypatch: pytest.MonkeyPatch, development: DevelopmentCredentials
    ) -> None:
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "1" * 32)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", "first,second")
        with a_server() as server:
            run_frontdesk(*SMS, "--body", "Hi", "--url", server.url)
            assert form(server)["AccountSid"] == "AC" + "1" * 32
            assert signature(server) == expected_signature(
                server, f"{server.url}/webhooks/sms", "first"
            )

    def test_send_sms_signs_the_configured_public_url(
        self, monkeypatch: pytest.MonkeyPatch, development: DevelopmentCredentials
    ) -> None:
        monkeypatch.setenv("PUBLIC_BASE_URL", "https://hooks.example.com")
        with a_server() as server:
            run_frontdesk(*SMS, "--body", "Hi", "--url", f"{server.url}/webhooks/sms?a=b")
        assert server.received[0].path == "/webhooks/sms?a=b"
        public = "https://hooks.example.com/webhooks/sms?a=b"
        assert signature(server) == expected_signature(
            server, public, development.twilio_auth_token
        )

    def test_send_sms_signs_the_whole_webhook_url(
        self, monkeypatch: pytest.MonkeyPatch, development: DevelopmentCredentials
    ) -> None:
        whole = "https://hooks.example.com/in?name=Ana+Lopes"
        monkeypatch.setenv("SMS_WEBHOOK_URL", whole)
        monkeypatch.setenv("PUBLIC_BASE_URL", "https://hooks.example.com/api")
        with a_server() as server:
            run_frontdesk(*SMS, "--body", "Hi", "--url", f"{server.url}/webhooks/sms")
        assert signature(server) == expected_signature(server, whole, development.twilio_auth_token)

    def test_send_sms_signs_with_the_token_of_the_recipients_company(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = tmp_path / "tenants.json"
        file.write_text(
            '{"tenants": [{"company_id": "a", "recipients": ["+15005550001"], "twilio":'
            ' {"account_sid": "AC11111111111111111111111111111111", "auth_tokens": ["ta"]}},'
            ' {"company_id": "b", "recipients": ["+15005550002"], "twilio":'
            ' {"account_sid": "AC22222222222222222222222222222222", "auth_tokens": ["tb"]}}]}'
        )
        monkeypatch.setenv("TENANTS", f"file:{file}")
        with a_server() as server:
            run_frontdesk(*SMS, "--to", "+15005550002", "--body", "Hi", "--url", server.url)
            assert form(server)["AccountSid"] == "AC" + "2" * 32
            assert signature(server) == expected_signature(
                server, f"{server.url}/webhooks/sms", "tb"
            )

    def test_send_sms_with_only_sendgrid_secrets_names_the_missing_settings(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SENDGRID_BASIC_AUTH", "user:password")
        line = error_line(run_frontdesk(*SMS, "--body", "Hi"), 1)
        assert "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN" in line


def signature(server: FakeServer) -> str:
    return server.received[0].headers["x-twilio-signature"]


def expected_signature(server: FakeServer, url: str, token: str) -> Any:
    from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

    return RequestValidator(token).compute_signature(url, form(server))


class TestEmail:
    def test_send_email_puts_every_option_into_the_mail(self, tmp_path: Path) -> None:
        attachment = tmp_path / "order.txt"
        attachment.write_text("42")
        with a_server() as server:
            result = run_frontdesk(
                "send", "email", "--from", "Ana <ana@example.com>", "--to", "shop@acme.example",
                "--subject", "Order", "--body", "Grüße", "--html", "<b>Grüße</b>", "--attach",
                str(attachment), "--spf", "softfail", "--dkim", "fail",
                "--in-reply-to", "before@acme.example", "--message-id", "now@example.com",
                "--url", server.url,
            )  # fmt: skip
        assert "message id <now@example.com>" in result.stdout
        body = server.received[0].body
        for part in (
            b"From: Ana <ana@example.com>",
            b"shop@acme.example",
            b"Subject: Order",
            b"Message-ID: <now@example.com>",
            b"In-Reply-To: <before@acme.example>",
            b"References: <before@acme.example>",
            "<b>Grüße</b>".encode(),
            b'filename="order.txt"\r\nContent-Type: text/plain\r\n\r\n42',
            b"softfail",
            b"{@example.com : fail}",
        ):
            assert part in body

    def test_send_email_in_raw_mode_posts_the_whole_mail(self) -> None:
        with a_server() as server:
            run_frontdesk(
                *EMAIL, "--body", "Hi", "--raw", "--html", "<b>Hi</b>", "--url", server.url
            )
        assert b'name="email"' in server.received[0].body
        assert b"multipart/alternative" in server.received[0].body

    def test_send_email_uses_the_given_key_and_the_first_password(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        monkeypatch.setenv("SENDGRID_WEBHOOK_PUBLIC_KEY", base64.b64encode(public).decode())
        monkeypatch.setenv("SENDGRID_BASIC_AUTH", "user:one,user:two")
        with a_server() as server:
            run_frontdesk(*EMAIL, "--body", "Hi", "--url", server.url, "--private-key",
                          str(pem(key, tmp_path)))  # fmt: skip
        request = server.received[0]
        assert request.headers["authorization"] == f"Basic {base64.b64encode(b'user:one').decode()}"
        key.public_key().verify(
            base64.b64decode(request.headers["x-twilio-email-event-webhook-signature"]),
            request.headers["x-twilio-email-event-webhook-timestamp"].encode() + request.body,
            ec.ECDSA(hashes.SHA256()),
        )

    def test_send_email_without_a_private_key_names_the_option(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        public = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        monkeypatch.setenv("SENDGRID_WEBHOOK_PUBLIC_KEY", base64.b64encode(public).decode())
        assert "--private-key FILE" in error_line(run_frontdesk(*EMAIL, "--body", "Hi"), 1)

    def test_send_email_with_only_twilio_secrets_names_the_missing_settings(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "1" * 32)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", "token")
        line = error_line(run_frontdesk(*EMAIL, "--body", "Hi"), 1)
        assert "set SENDGRID_WEBHOOK_PUBLIC_KEY or SENDGRID_BASIC_AUTH" in line

    @pytest.mark.parametrize("kind", ["nonsense", "another curve"])
    def test_send_email_refuses_another_type_of_key_in_one_line(
        self, kind: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "key.pem"
        if kind == "nonsense":
            file.write_text("nonsense")
        else:
            file = pem(ec.generate_private_key(ec.SECP384R1()), tmp_path)
        result = run_frontdesk(*EMAIL, "--body", "Hi", "--private-key", str(file))
        assert "is no P-256 private key in PEM" in error_line(result, 1)


def pem(key: ec.EllipticCurvePrivateKey, folder: Path) -> Path:
    """A file that holds ``key``."""
    file = folder / "key.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file
