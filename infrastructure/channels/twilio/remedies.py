"""What an operator can do about refused webhooks of Twilio, for each reason code."""

from infrastructure.channels.remedies import Explained

REMEDIES = {
    "account_unknown": Explained(
        "They name no account of the settings",
        "If you have added an account or a subaccount at Twilio, add it with its token: "
        "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN for one, TENANTS for several",
        "Whose they were is not stored. If a gateway changes the body, its account cannot be read. "
        "Else they are strangers",
    ),
    "signature_mismatch": Explained(
        "Either Twilio's console has another URL than the one that was checked, or "
        "TWILIO_AUTH_TOKEN (or TENANTS) is not the account's token",
        "Set PUBLIC_BASE_URL to the part before /webhooks of the URL in the console. If it is the "
        "same, copy the account's auth token from the console into TWILIO_AUTH_TOKEN (or TENANTS)",
        "If it is neither, capture a request at the proxy or from Twilio's error log: 'frontdesk "
        "doctor signature FILE' finds what differs",
    ),
    "signature_missing": Explained(
        "X-Twilio-Signature did not come, or came more than once",
        "Let the proxy pass it on as it is",
        "Without a proxy they are forged",
    ),
    "signature_ill_formed": Explained(
        "X-Twilio-Signature is no signature: a proxy changes it, or they are forged",
        "Let the proxy pass it on as it is",
    ),
    "not_a_form": Explained(
        "Their content type is not application/x-www-form-urlencoded, which Twilio sends with HTTP "
        "POST: a gateway or a proxy changes it",
        "Let it pass on body and content type as they are",
    ),
    "too_large": Explained(
        "They are over MAX_BODY_BYTES, or over what Twilio sends (1 MiB, 500 fields), and got a "
        "413",
        "Raise MAX_BODY_BYTES if it is very low",
        "Twilio's own are far smaller: else they are not Twilio's",
    ),
}
