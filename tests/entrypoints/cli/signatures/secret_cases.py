"""Captures with another token, account or signature header."""

from tests.entrypoints.cli.signatures.captures import (
    OTHER_ACCOUNT,
    OTHER_TOKEN,
    PUBLIC,
    TOKEN,
    Sent,
    curl,
    raw,
    sms,
)
from tests.entrypoints.cli.signatures.case import (
    Case,
    signature_of,
    twice,
)

sent: Sent

SECRETS = (
    Case(
        "an older token, which the operator gives",
        curl(sms(token=OTHER_TOKEN)),
        ("other_secret",),
        environment={**PUBLIC, "OLD_TOKEN": OTHER_TOKEN},
        options=("--secret", "env:OLD_TOKEN"),
        advice="TWILIO_AUTH_TOKEN",
    ),
    Case(
        "quotes around the token in an env file",
        curl(sms()),
        ("secret_spelling",),
        environment={**PUBLIC, "TWILIO_AUTH_TOKEN": f'"{TOKEN}"'},
        advice="Docker",
    ),
    Case(
        "the name of the token was copied with it",
        curl(sms()),
        ("secret_spelling",),
        environment={**PUBLIC, "TWILIO_AUTH_TOKEN": f"AUTH_TOKEN={TOKEN}"},
    ),
    Case(
        "the token of another account",
        curl(sms(account=OTHER_ACCOUNT)),
        ("other_account",),
        environment=PUBLIC,
        advice="If not, trust it for no other account",
    ),
    Case(
        "a subaccount that is not configured",
        curl(sms(account=OTHER_ACCOUNT, token=OTHER_TOKEN)),
        ("account_unknown",),
        environment=PUBLIC,
        advice=OTHER_ACCOUNT,
    ),
    Case(
        "a subaccount whose token the operator gives",
        curl(sms(account=OTHER_ACCOUNT, token=OTHER_TOKEN)),
        ("account_unknown",),
        environment={**PUBLIC, "OLD_TOKEN": OTHER_TOKEN},
        options=("--secret", "env:OLD_TOKEN"),
    ),
    Case(
        "a proxy removes the header",
        raw(sms().without("x-twilio-signature")),
        ("signature_missing",),
        None,
        PUBLIC,
    ),
    Case(
        "a gateway renames the header",
        raw((sent := sms()).without("x-twilio-signature").having(x_tw_sig=signature_of(sent))),
        ("signature_renamed",),
        None,
        PUBLIC,
        advice="x-tw-sig",
    ),
    Case("two signature headers", twice(sms()), ("signature_repeated",), None, PUBLIC),
    Case(
        "a signature that lost its equals sign",
        raw((sent := sms()).having(x_twilio_signature=signature_of(sent).rstrip("="))),
        ("signature_altered",),
        None,
        PUBLIC,
    ),
    Case("no token is configured", curl(sms()), ("no_secret",), environment={}),
    Case(
        "no channel in the path",
        curl(sms("https://hooks.acme.example/texts")),
        ("channel_path",),
    ),
)
