"""What an operator can do about refused webhooks of SendGrid, for each reason code."""

REMEDIES = {
    "account_unknown": (
        "these have neither SendGrid's signature nor a known user: strangers or a probe; or the "
        "signature is not switched on for the parse setting at SendGrid"
    ),
    "header_repeated": "a header came twice: a proxy adds it again, or they are forged",
    "signature_mismatch": (
        "SENDGRID_WEBHOOK_PUBLIC_KEY is not the key of the parse setting at SendGrid, or a proxy "
        "changes the body"
    ),
    "signature_missing": (
        "no signature came: switch it on in the security policy of the parse setting, and let "
        "the proxy pass on X-Twilio-Email-Event-Webhook-Signature"
    ),
    "signature_ill_formed": "the header is no signature: a proxy changes it, or they are forged",
    "timestamp_missing": "let the proxy pass on X-Twilio-Email-Event-Webhook-Timestamp too",
    "timestamp_ill_formed": "the timestamp is no number: they are forged",
    "timestamp_outside_tolerance": (
        "compare the clock of this machine; real mail is at most 72 h old "
        "(SENDGRID_TOLERANCE_SECONDS), so they may be captured requests"
    ),
    "basic_missing": (
        "SENDGRID_BASIC_AUTH is set, and no user came: the URL at SendGrid must begin with "
        "https://USER:PASSWORD@, and the proxy must pass on Authorization"
    ),
    "basic_mismatch": "user or password in the URL at SendGrid differ from SENDGRID_BASIC_AUTH",
    "no_secret_configured": (
        "neither SENDGRID_WEBHOOK_PUBLIC_KEY nor SENDGRID_BASIC_AUTH is set: without one no mail "
        "is accepted"
    ),
}
