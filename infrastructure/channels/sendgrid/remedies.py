"""What an operator can do about refused webhooks of SendGrid, for each reason code."""

REMEDIES = {
    "account_unknown": (
        "They have neither SendGrid's signature nor a known user. Either the security policy of "
        "the parse setting at SendGrid is not switched on, or a proxy drops its headers, or the "
        "user in the URL at SendGrid is not that of SENDGRID_BASIC_AUTH. Else they are strangers "
        "or a probe"
    ),
    "header_repeated": "A header came twice: a proxy adds it again, or they are forged",
    "signature_mismatch": (
        "SENDGRID_WEBHOOK_PUBLIC_KEY is not the key of the parse setting at SendGrid, or a proxy "
        "changes the body. With a captured request 'frontdesk doctor signature FILE' finds which"
    ),
    "signature_missing": (
        "No signature came. Switch it on in the security policy of the parse setting, and let "
        "the proxy pass on X-Twilio-Email-Event-Webhook-Signature"
    ),
    "signature_ill_formed": "The header is no signature: a proxy changes it, or they are forged",
    "timestamp_missing": "Let the proxy pass on X-Twilio-Email-Event-Webhook-Timestamp too",
    "timestamp_ill_formed": "The timestamp is no number: they are forged",
    "timestamp_outside_tolerance": (
        "Compare the clock of this machine. Real mail is at most 72 h old "
        "(SENDGRID_TOLERANCE_SECONDS), so they may be captured requests"
    ),
    "basic_missing": (
        "SENDGRID_BASIC_AUTH is set, and no user came: the URL at SendGrid must begin with "
        "https://USER:PASSWORD@, and the proxy must pass on Authorization"
    ),
    "basic_mismatch": (
        "User or password in the URL at SendGrid (Inbound Parse) differ from SENDGRID_BASIC_AUTH "
        "(or TENANTS). Make them the same"
    ),
    "no_secret_configured": (
        "Neither SENDGRID_WEBHOOK_PUBLIC_KEY nor SENDGRID_BASIC_AUTH is set: without one no mail "
        "is accepted"
    ),
    "too_large": (
        "They are over MAX_BODY_BYTES and got a 413. SendGrid drops such mail, and nothing of it "
        "is here: raise the limit, and let the customer send it again"
    ),
}
