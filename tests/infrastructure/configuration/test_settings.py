"""Settings have defaults, and every invalid setting is reported at once."""

from datetime import timedelta
from pathlib import Path
from typing import get_type_hints

import pytest

from application.privacy.purge_expired import BLOBS_OUTLIVE
from domain.channels import ChannelType
from entrypoints.composition.backends import secret_reader
from entrypoints.composition.operations_container import retention_times
from infrastructure.configuration.secrets.development_secret import DevelopmentCredentials
from infrastructure.configuration.setting_rules import RENAMED
from infrastructure.configuration.settings import (
    DEFAULT_FALLBACK_TEXT,
    VARIABLES,
    ProviderSecrets,
    Settings,
    SettingsError,
    read_secrets,
    read_settings,
)
from tests.builders import NOW

SID = "AC" + "0" * 32
PUBLIC_KEY = DevelopmentCredentials(b"x" * 32).sendgrid_public_key


def test_settings_have_defaults_for_everything() -> None:
    settings = read_settings({"PATH": "/usr/bin", "LANG": "C"})

    assert settings.storage == settings.queue == "sqlite"
    assert timedelta(seconds=settings.sendgrid_tolerance_seconds) == timedelta(hours=96)
    assert not settings.has_real_secrets


def test_empty_variable_is_treated_as_unset() -> None:
    assert read_settings({"REPLY_DELAY_SECONDS": " ", "TENANTS": ""}).reply_delay_seconds == 30


def secrets_of(environ: dict[str, str]) -> ProviderSecrets:
    """The secrets behind the settings in ``environ``."""
    return read_secrets(read_settings(environ), secret_reader())


def test_list_settings_are_separated_by_commas() -> None:
    environ = {
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": "new, old",
        "SENDGRID_WEBHOOK_PUBLIC_KEY": f"{PUBLIC_KEY},{PUBLIC_KEY}",
        "SENDGRID_BASIC_AUTH": "user:pass:word",
        "TRUSTED_PROXIES": "10.0.0.0/8, ::1",
    }
    secrets = secrets_of(environ)
    assert [token.get_secret_value() for token in secrets.twilio_auth_token] == ["new", "old"]
    assert len(secrets.sendgrid_webhook_public_key) == 2
    assert len(read_settings(environ).trusted_proxies) == 2
    assert read_settings(environ).has_real_secrets


def test_secret_settings_may_be_in_files(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-a-file, old\n")
    secrets = secrets_of({"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": f"file:{file}"})
    tokens = [token.get_secret_value() for token in secrets.twilio_auth_token]
    assert tokens == ["from-a-file", "old"]


@pytest.mark.parametrize("name", ["TWILIO_AUTH_TOKEN", "SENDGRID_BASIC_AUTH"])
@pytest.mark.parametrize("reference", ["file:/run/secrets/old", "secretsmanager:old#key"])
def test_reference_among_other_values_is_no_secret_itself(name: str, reference: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: must have no reference among its values"):
        read_settings({"TWILIO_ACCOUNT_SID": SID, name: f"user:new, {reference}"})


def test_every_invalid_secret_behind_a_reference_is_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "pair").write_text("hunter2")
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(SettingsError) as caught:
        secrets_of(
            {
                "TWILIO_ACCOUNT_SID": SID,
                "TWILIO_AUTH_TOKEN": "file:/none",
                "SENDGRID_BASIC_AUTH": f"file:{tmp_path / 'pair'}",
                "SENDGRID_WEBHOOK_PUBLIC_KEY": f"file:{tmp_path / 'empty'}",
            }
        )
    assert sorted(problem.partition(":")[0] for problem in caught.value.problems) == [
        "SENDGRID_BASIC_AUTH",
        "SENDGRID_WEBHOOK_PUBLIC_KEY",
        "TWILIO_AUTH_TOKEN",
    ]
    assert "hunter2" not in str(caught.value)


def test_repr_of_settings_shows_no_secret() -> None:
    settings = read_settings({"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": "top-secret"})
    assert "top-secret" not in repr(settings) + str(settings)


def test_fallback_text_can_be_set_for_each_channel() -> None:
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
        ({"MESSAGE_RETENTION_DAYS": "36501"}, "MESSAGE_RETENTION_DAYS"),
        ({"DEAD_LETTER_RETENTION_DAYS": "1000000"}, "DEAD_LETTER_RETENTION_DAYS"),
        ({"FALLBACK_WINDOW_SECONDS": "1000000000000"}, "FALLBACK_WINDOW_SECONDS"),
        ({"PUBLIC_BASE_URL": "hooks.example.com"}, "PUBLIC_BASE_URL"),
        ({"PUBLIC_BASE_URL": "https://hooks.example.com/prod?a=1"}, "PUBLIC_BASE_URL"),
        ({"PUBLIC_BASE_URL": "https://hooks.example.com/?"}, "PUBLIC_BASE_URL"),
        ({"PUBLIC_BASE_URL": "https://hooks.example.com/#rc=5"}, "PUBLIC_BASE_URL"),
        ({"PUBLIC_BASE_URL": "https://hooks.example.com/a b"}, "PUBLIC_BASE_URL"),
        ({"PUBLIC_BASE_URL": "https://hooks.example.com:port"}, "PUBLIC_BASE_URL"),
        ({"PUBLIC_BASE_URL": "https://[hooks"}, "PUBLIC_BASE_URL"),
        ({"PUBLIC_BASE_URL": "https://user:pw@hooks.example.com"}, "PUBLIC_BASE_URL"),
        ({"SMS_WEBHOOK_URL": "hooks.example.com/webhooks/sms"}, "SMS_WEBHOOK_URL"),
        ({"SMS_WEBHOOK_URL": "/webhooks/sms"}, "SMS_WEBHOOK_URL"),
        ({"SMS_WEBHOOK_URL": "ftp://hooks.example.com/sms"}, "SMS_WEBHOOK_URL"),
        ({"SMS_WEBHOOK_URL": "https:///sms"}, "SMS_WEBHOOK_URL"),
        ({"SMS_WEBHOOK_URL": "https://a.example/sms?name=Ana Lopes"}, "SMS_WEBHOOK_URL"),
        ({"SMS_WEBHOOK_URL": "https://a.example:99999/sms"}, "SMS_WEBHOOK_URL"),
        ({"WHATSAPP_WEBHOOK_URL": "https://a.example/\tb"}, "WHATSAPP_WEBHOOK_URL"),
        ({"TRUSTED_PROXIES": "everybody"}, "TRUSTED_PROXIES"),
        ({"TWILIO_AUTH_TOKEN": "t"}, "TWILIO_ACCOUNT_SID"),
        ({"TWILIO_ACCOUNT_SID": SID}, "TWILIO_AUTH_TOKEN"),
        ({"TWILIO_ACCOUNT_SID": "SID", "TWILIO_AUTH_TOKEN": "t"}, "TWILIO_ACCOUNT_SID"),
        ({"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": ","}, "TWILIO_AUTH_TOKEN"),
        ({"SENDGRID_WEBHOOK_PUBLIC_KEY": "***"}, "SENDGRID_WEBHOOK_PUBLIC_KEY"),
        ({"SENDGRID_WEBHOOK_PUBLIC_KEY": "c2hvcnQ="}, "SENDGRID_WEBHOOK_PUBLIC_KEY"),
        ({"SENDGRID_BASIC_AUTH": "user"}, "SENDGRID_BASIC_AUTH"),
        ({"SENDGRID_API_KEY": "k"}, "FALLBACK_EMAIL_FROM"),
        ({"SENDGRID_API_KEY": "k"}, "SENDGRID_API_KEY sends and proves nothing"),
        ({"FALLBACK_EMAIL_FROM": "nobody"}, "FALLBACK_EMAIL_FROM"),
        ({"TENANTS": "somewhere"}, "TENANTS"),
        ({"TENANTS": "file:t.json", "SENDGRID_BASIC_AUTH": "u:p"}, "TENANTS"),
        ({"TENANTS": "secretsmanager:"}, "TENANTS"),
        ({"CONVERSATIONS_TABLE": "a b c"}, "CONVERSATIONS_TABLE"),
        ({"BLOBS_BUCKET": "s3://blobs"}, "BLOBS_BUCKET"),
        ({"SMS_REPLIES_QUEUE_URL": "sms-replies"}, "SMS_REPLIES_QUEUE_URL"),
        ({"SPOOL_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/"}, "SPOOL_QUEUE_URL"),
        ({"UNKNOWN_SENDER": "ignore"}, "UNKNOWN_SENDER"),
        ({"UNAUTHENTICATED_MAIL": "ignore"}, "UNAUTHENTICATED_MAIL"),
        ({"AUTOMATED_MAIL": "ignore"}, "AUTOMATED_MAIL"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
    ],
)
def test_invalid_setting_is_reported_by_name(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read_settings(environ)


@pytest.mark.parametrize("name", ["PUBLIC_BASE_URL", "SMS_WEBHOOK_URL"])
def test_invalid_url_is_not_shown(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({name: "https://user:hunter2@a.example:hunter2/?hunter2#hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://hooks.example.com", "https://hooks.example.com"),
        ("HTTPS://hooks.example.com:8443/", "https://hooks.example.com:8443"),
        ("https://hooks.example.com/api", "https://hooks.example.com/api"),
        ("https://hooks.example.com/api/v%201/", "https://hooks.example.com/api/v%201"),
    ],
)
def test_public_base_url_may_have_a_path_and_ends_without_a_slash(
    given: str, expected: str
) -> None:
    assert read_settings({"PUBLIC_BASE_URL": given}).public_base_url == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            "https://a.example/in/?name=Ana+Lopes&x=%c3",
            "https://a.example/in/?name=Ana+Lopes&x=%c3",
        ),
        ("https://a.example/in?", "https://a.example/in?"),
        ("https://a.example", "https://a.example"),
        ("HTTPS://A.example:443//in;v=1", "HTTPS://A.example:443//in;v=1"),
        ("https://a.example/in#rc=5&rp=all", "https://a.example/in"),
        ("https://user:p@ss@a.example/in?to=b@c", "https://a.example/in?to=b@c"),
    ],
)
def test_webhook_url_is_kept_byte_for_byte_without_user_info_and_fragment(
    given: str, expected: str
) -> None:
    for channel in (ChannelType.SMS, ChannelType.WHATSAPP):
        settings = read_settings({f"{channel}_WEBHOOK_URL".upper(): given})
        urls = {named: url for named, url in settings.webhook_urls.items() if url}
        assert urls == {channel: expected}


NUMBERS = [name for name, kind in get_type_hints(Settings).items() if kind is int]


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_setting_has_bounds(name: str) -> None:
    for number in (-1, 10**9):
        with pytest.raises(SettingsError, match=name.upper()):
            read_settings({name.upper(): str(number)})


def test_largest_retention_times_can_be_subtracted_from_now() -> None:
    environ = {
        "MESSAGE_RETENTION_DAYS": "36500",
        "DEAD_LETTER_RETENTION_DAYS": "36500",
        "FALLBACK_WINDOW_SECONDS": "315360000",
    }
    retention = retention_times(read_settings(environ))
    assert retention.messages is not None
    assert NOW - retention.messages - BLOBS_OUTLIVE < NOW - retention.throttle < NOW


def test_every_invalid_setting_is_reported_at_once_without_secrets() -> None:
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


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_a_setting_under_its_old_name_is_refused_with_the_new_name(old: str, new: str) -> None:
    for more in ({}, {new: "a-table"}):
        with pytest.raises(SettingsError) as caught:
            read_settings({old: "a-table", **more})
        assert caught.value.problems == [f"{old} is now called {new}: set that instead"]
    assert new.lower() in VARIABLES
    read_settings({old: " "})


def test_ephemeral_server_uses_memory_for_storage_and_queue() -> None:
    settings = read_settings({}, ephemeral=True)
    assert settings.storage == settings.queue == "memory"


QUEUE_URLS = {
    f"{channel}_{kind}_QUEUE_URL": f"https://sqs.us-east-1.amazonaws.com/1/{channel}-{kind}"
    for channel in ("WHATSAPP", "SMS", "EMAIL")
    for kind in ("REPLIES", "HANDOFF")
}
ON_AWS = {
    "STORAGE": "dynamodb",
    "QUEUE": "sqs",
    "CONVERSATIONS_TABLE": "frontdesk-conversations",
    "MESSAGES_TABLE": "frontdesk-messages",
    "PARTICIPANTS_TABLE": "frontdesk-participants",
    "FALLBACK_THROTTLE_TABLE": "frontdesk-claims",
    "BLOBS_BUCKET": "frontdesk-blobs",
    "SPOOL_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/spool.fifo",
    "TENANTS": "secretsmanager:frontdesk/tenants",
    **QUEUE_URLS,
}


class TestOnAws:
    def test_aws_needs_only_tables_queues_and_a_bucket(self) -> None:
        settings = read_settings(ON_AWS)
        assert settings.tables.messages == "frontdesk-messages"
        assert {str(queue): url for queue, url in settings.queue_urls.items()} == {
            "-".join(name.lower().split("_")[:2]): url for name, url in QUEUE_URLS.items()
        }

    def test_every_missing_setting_of_aws_is_reported_at_once(self) -> None:
        with pytest.raises(SettingsError) as caught:
            read_settings({"STORAGE": "dynamodb", "QUEUE": "sqs"})
        missing = [problem.split()[0] for problem in caught.value.problems if "missing" in problem]
        assert sorted(missing) == sorted(ON_AWS.keys() - {"STORAGE", "QUEUE", "TENANTS"})

    @pytest.mark.parametrize(("variable", "backend"), [("STORAGE", "dynamodb"), ("QUEUE", "sqs")])
    def test_missing_setting_is_reported_with_the_backend_that_needs_it(
        self, variable: str, backend: str
    ) -> None:
        with pytest.raises(SettingsError) as caught:
            read_settings({variable: backend, "TENANTS": "file:tenants.json"})
        assert f"BLOBS_BUCKET is missing: {variable}={backend} needs it" in caught.value.problems

    @pytest.mark.parametrize("variable", QUEUE_URLS)
    def test_fifo_queue_for_contexts_is_refused_with_the_reason(self, variable: str) -> None:
        with pytest.raises(SettingsError) as caught:
            read_settings({**ON_AWS, variable: f"{QUEUE_URLS[variable]}.fifo"})
        assert caught.value.problems == [
            f"{variable} is a FIFO queue, on which SQS takes no delay for each message: "
            "give a standard queue, order comes from the store"
        ]

    def test_lambda_function_refuses_backends_on_its_disk(self) -> None:
        with pytest.raises(SettingsError) as caught:
            read_settings({"AWS_LAMBDA_FUNCTION_NAME": "frontdesk-prod-RelayOutbox"})
        assert caught.value.problems == [
            "STORAGE: a function on Lambda has no disk that stays: set STORAGE=dynamodb",
            "QUEUE: a function on Lambda has no disk that stays: set QUEUE=sqs",
        ]
        read_settings({**ON_AWS, "AWS_LAMBDA_FUNCTION_NAME": "frontdesk-prod-RelayOutbox"})

    @pytest.mark.parametrize("variable", ["STORAGE", "QUEUE"])
    def test_development_secret_is_refused_on_aws(self, variable: str) -> None:
        environ = {name: value for name, value in ON_AWS.items() if name != "TENANTS"}
        environ[variable] = "sqlite"
        with pytest.raises(SettingsError) as caught:
            read_settings(environ)
        (problem,) = caught.value.problems
        assert "refuse the development secret" in problem
        assert "TENANTS" in problem
        assert "TWILIO_AUTH_TOKEN" in problem

    def test_ephemeral_server_needs_no_settings_of_aws(self) -> None:
        settings = read_settings({"STORAGE": "dynamodb", "QUEUE": "sqs"}, ephemeral=True)
        assert settings.storage == settings.queue == "memory"
