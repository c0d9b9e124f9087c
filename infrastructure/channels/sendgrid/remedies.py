"""What an operator can do about refused webhooks of SendGrid, for each reason code."""

from infrastructure.channels.remedies import Explained

REMEDIES = {
    "account_unknown": Explained(
        "They have neither SendGrid's signature nor a known user",
        "Switch on the security policy of the parse setting at SendGrid, or enter the user of "
        "SENDGRID_BASIC_AUTH in its URL",
        "A proxy that drops headers looks the same. Else they are strangers or a probe",
    ),
    "header_repeated": Explained(
        "A header came twice: a proxy adds it again, or they are forged",
        "Let the proxy pass on each header once",
    ),
    "signature_mismatch": Explained(
        "SENDGRID_WEBHOOK_PUBLIC_KEY is not the key of the parse setting at SendGrid, or a proxy "
        "changes the body",
        "Copy the key of that parse setting into SENDGRID_WEBHOOK_PUBLIC_KEY (or TENANTS). If it "
        "is the same, let the proxy pass the body on byte for byte",
        "With a captured request 'frontdesk doctor signature FILE' finds which",
    ),
    "signature_missing": Explained(
        "No signature came",
        "Switch it on in the security policy of the parse setting, and let the proxy pass on "
        "X-Twilio-Email-Event-Webhook-Signature",
    ),
    "signature_ill_formed": Explained(
        "The signature's header is no signature: a proxy changes it, or they are forged",
        "Let the proxy pass it on as it is",
    ),
    "timestamp_missing": Explained(
        "The timestamp of the signature did not come",
        "Let the proxy pass on X-Twilio-Email-Event-Webhook-Timestamp too",
    ),
    "timestamp_ill_formed": Explained("The timestamp is no number: they are forged"),
    "timestamp_outside_tolerance": Explained(
        "Their timestamps are too far from the clock of this machine",
        "Set that clock right",
        "Real mail is at most 72 h old (SENDGRID_TOLERANCE_SECONDS): if the clock is right, they "
        "are captured requests that somebody sent again",
    ),
    "basic_auth_missing": Explained(
        "SENDGRID_BASIC_AUTH is set, and no user came",
        "Begin the URL at SendGrid with https://USER:PASSWORD@, and let the proxy pass on "
        "Authorization",
    ),
    "basic_auth_mismatch": Explained(
        "User or password in the URL at SendGrid (Inbound Parse) differ from SENDGRID_BASIC_AUTH "
        "(or TENANTS)",
        "Enter user and password of SENDGRID_BASIC_AUTH (or TENANTS) in that URL. If the URL is "
        "right, correct the setting, and restart Frontdesk",
    ),
    "no_secret_configured": Explained(
        "Neither SENDGRID_WEBHOOK_PUBLIC_KEY nor SENDGRID_BASIC_AUTH is set: without one no mail "
        "is accepted",
        "Set one of them",
    ),
    "too_large": Explained(
        "They are over MAX_BODY_BYTES and got a 413",
        "Raise the limit, and let the customer send it again",
        "SendGrid drops such mail, and nothing of it is here",
    ),
}
