"""Settings: sensible without any, and every wrong one named at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from domain.addresses import ChannelType
from infrastructure.secrets.development import DevelopmentCredentials
from infrastructure.settings import DEFAULT_FALLBACK_TEXT, SettingsError, read_settings

SID = "AC" + "0" * 32
PUBLIC_KEY = DevelopmentCredentials(b"x" * 32).sendgrid_public_key


def test_nothing_has_to_be_set() -> None:
    settings = read_settings({"PATH": "/usr/bin", "LANG": "C"})

    assert settings.storage == settings.queue == "sqlite"
    assert timedelta(seconds=settings.sendgrid_tolerance_seconds) == timedelta(hours=96)
    assert not settings.has_real_secrets


def test_an_empty_variable_is_unset() -> None:
    assert read_settings({"REPLY_DELAY_SECONDS": " ", "TENANTS": ""}).reply_delay_seconds == 30


def test_lists_are_separated_by_commas() -> None:
    settings = read_settings(
        {
            "TWILIO_ACCOUNT_SID": SID,
            "TWILIO_AUTH_TOKEN": "new, old",
            "SENDGRID_WEBHOOK_PUBLIC_KEY": f"{PUBLIC_KEY},{PUBLIC_KEY}",
            "SENDGRID_BASIC_AUTH": "user:pass:word",
            "TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        }
    )
    assert [token.get_secret_value() for token in settings.twilio_auth_token] == ["new", "old"]
    assert len(settings.sendgrid_webhook_public_key) == 2
    assert len(settings.trusted_proxies) == 2
    assert settings.has_real_secrets


def test_secrets_may_be_in_files(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    settings = read_settings({"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": f"file:{file}"})
    assert settings.twilio_auth_token[0].get_secret_value() == "from-a-file"


def test_no_secret_is_shown() -> None:
    settings = read_settings({"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": "top-secret"})
    assert "top-secret" not in repr(settings) + str(settings)


def test_each_channel_may_have_its_own_fallback_text() -> None:
    texts = read_settings({"FALLBACK_TEXT_SMS": "Hi"}).fallback_texts
    assert texts[ChannelType.SMS] == "Hi"
    assert texts[ChannelType.EMAIL] == DEFAULT_FALLBACK_TEXT


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"STORAGE": "oracle"}, "STORAGE"),
        ({"STORAGE": "memory"}, "STORAGE"),
        ({"QUEUE": "memory"}, "QUEUE"),
        ({"REPLY_DELAY_SECONDS": "soon"}, "REPLY_DELAY_SECONDS"),
        ({"REPLY_DELAY_SECONDS": "901"}, "REPLY_DELAY_SECONDS"),
        ({"MAX_IN_FLIGHT": "0"}, "MAX_IN_FLIGHT"),
        ({"PUBLIC_BASE_URL": "hooks.example.com"}, "PUBLIC_BASE_URL"),
        ({"PUBLIC_BASE_URL": "https://hooks.example.com/prod"}, "PUBLIC_BASE_URL"),
        ({"PUBLIC_BASE_URL": "https://user:pw@hooks.example.com"}, "PUBLIC_BASE_URL"),
        ({"TRUSTED_PROXIES": "everybody"}, "TRUSTED_PROXIES"),
        ({"TWILIO_AUTH_TOKEN": "t"}, "TWILIO_ACCOUNT_SID"),
        ({"TWILIO_ACCOUNT_SID": SID}, "TWILIO_AUTH_TOKEN"),
        ({"TWILIO_ACCOUNT_SID": "SID", "TWILIO_AUTH_TOKEN": "t"}, "TWILIO_ACCOUNT_SID"),
        ({"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": "file:/none"}, "TWILIO_AUTH_TOKEN"),
        ({"SENDGRID_WEBHOOK_PUBLIC_KEY": "***"}, "SENDGRID_WEBHOOK_PUBLIC_KEY"),
        ({"SENDGRID_WEBHOOK_PUBLIC_KEY": "c2hvcnQ="}, "SENDGRID_WEBHOOK_PUBLIC_KEY"),
        ({"SENDGRID_BASIC_AUTH": "user"}, "SENDGRID_BASIC_AUTH"),
        ({"SENDGRID_API_KEY": "k"}, "FALLBACK_EMAIL_FROM"),
        ({"FALLBACK_EMAIL_FROM": "nobody"}, "FALLBACK_EMAIL_FROM"),
        ({"TENANTS": "somewhere"}, "TENANTS"),
        ({"TENANTS": "file:t.json", "SENDGRID_BASIC_AUTH": "u:p"}, "TENANTS"),
        ({"UNKNOWN_SENDER": "ignore"}, "UNKNOWN_SENDER"),
        ({"UNAUTHENTICATED_MAIL": "ignore"}, "UNAUTHENTICATED_MAIL"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
    ],
)
def test_a_wrong_setting_is_named(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read_settings(environ)


def test_every_wrong_setting_is_named_at_once_and_no_secret_with_it() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(
            {"STORAGE": "x", "MAX_IN_FLIGHT": "y", "SENDGRID_BASIC_AUTH": "hunter2", "STAGE": "?"}
        )
    message = str(caught.value)
    assert all(
        name in message for name in ("STORAGE", "MAX_IN_FLIGHT", "SENDGRID_BASIC_AUTH", "STAGE")
    )
    assert "hunter2" not in message
    assert "\n" not in message


def test_memory_is_for_ephemeral_servers() -> None:
    settings = read_settings({}, ephemeral=True)
    assert settings.storage == settings.queue == "memory"
