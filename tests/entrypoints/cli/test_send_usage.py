"""``frontdesk send``: usage errors, before anything is sent."""

import pytest

from tests.entrypoints.cli.support import EMAIL, SMS, WHATSAPP, error_line, run_frontdesk


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("send",), "missing argument 'CHANNEL'"),
        (("send", "fax"), "'fax' is not one of 'whatsapp', 'sms', 'email'"),
        (("send", "sms", "--body", "Hi"), "missing option '--from'"),
        (SMS, "missing option '--body'"),
        ((*SMS, "--body"), "option '--body' requires an argument"),
        (("send", "sms", "--from", "4155550123", "--body", "Hi"), "a number like +14155550123"),
        (("send", "email", "--from", "ana", "--body", "Hi"), "an address like ana@example.com"),
        ((*SMS, "--body", "Hi", "--to", "Shop"), "a number like +15005550006"),
        ((*SMS, "--body", "Hi", "--subject", "A"), "--subject is for email, not for sms"),
        ((*SMS, "--body", "Hi", "--raw"), "--raw is for email, not for sms"),
        ((*SMS, "--button", "Yes"), "--button is for whatsapp, not for sms"),
        ((*SMS, "--profile-name", "Ana"), "--profile-name is for whatsapp, not for sms"),
        ((*EMAIL, "--body", "Hi", "--media", "https://a.example"), "whatsapp and sms, not"),
        ((*WHATSAPP, "--body", "Hi", "--spf", "pass"), "--spf is for email, not for whatsapp"),
        ((*WHATSAPP, "--button", "=x"), "the button needs a text"),
        ((*WHATSAPP, "--location", "52"), "no place like"),
        ((*WHATSAPP, "--location", "52,east"), "no place like"),
        ((*WHATSAPP, "--location", "91,0"), "latitude is -90 to 90"),
        ((*WHATSAPP, "--location", "nan,0"), "latitude is -90 to 90"),
        ((*SMS, "--media", "file:///etc/passwd"), "is no URL"),
        ((*SMS, "--body", "Hi", "--url", "127.0.0.1:8000"), "is no URL"),
        ((*SMS, "--body", "Hi", "--url", "http://127.0.0.1:99999/"), "is no URL"),
        ((*SMS, "--body", "Hi", "--url", "http://127.0.0.1/a b"), "is no URL"),
        ((*SMS, "--body", "Hi", "--message-id", "1"), "SM or MM and 32 hex digits"),
        ((*SMS, "--body", "Hi", "--times", "0"), "'--times'"),
        ((*SMS, "--body", "Hi", "--concurrency", "999"), "'--concurrency'"),
        ((*EMAIL, "--attach", "/no/such/file"), "'--attach'"),
        ((*EMAIL, "--body", "Hi", "--private-key", "/no/such/file"), "'--private-key'"),
    ],
)
def test_send_reports_a_usage_error_in_one_line(arguments: tuple[str, ...], words: str) -> None:
    line = error_line(run_frontdesk(*arguments), 2)
    assert line.startswith("frontdesk send: ")
    assert words in line
    assert line.endswith("; see 'frontdesk send --help'")
