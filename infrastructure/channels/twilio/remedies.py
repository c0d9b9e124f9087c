"""What an operator can do about refused webhooks of Twilio, for each reason code."""

REMEDIES = {
    "account_unknown": (
        "They name no account of the settings. Whose they were is not stored. If you have added "
        "an account or a subaccount at Twilio, add it with its token: TWILIO_ACCOUNT_SID and "
        "TWILIO_AUTH_TOKEN for one, TENANTS for several. If a gateway changes the body, its "
        "account cannot be read. Else they are strangers"
    ),
    "signature_mismatch": (
        "Is the URL in Twilio's console exactly this one: scheme, host, port, path, final slash? "
        "If not, set SMS_WEBHOOK_URL or WHATSAPP_WEBHOOK_URL to the one in the console, or "
        "PUBLIC_BASE_URL to its part before /webhooks. If it is the same, the token is wrong or "
        "was rotated: compare TWILIO_AUTH_TOKEN (or TENANTS) with the account's token in the "
        "console. If it is neither, capture a request at the proxy or from Twilio's error log: "
        "'frontdesk doctor signature FILE' finds what differs"
    ),
    "signature_missing": (
        "X-Twilio-Signature did not come, or came more than once. Let the proxy pass it on as it "
        "is. Without a proxy they are forged"
    ),
    "signature_ill_formed": (
        "X-Twilio-Signature is no signature: a proxy changes it, or they are forged"
    ),
    "not_a_form": (
        "Their content type is not application/x-www-form-urlencoded, which Twilio sends with "
        "HTTP POST. A gateway or a proxy changes it: let it pass on body and content type as they "
        "are"
    ),
    "too_large": (
        "They are over MAX_BODY_BYTES, or over what Twilio sends (1 MiB, 500 fields), and got a "
        "413. Twilio's own are far smaller: unless MAX_BODY_BYTES is very low, they are not "
        "Twilio's"
    ),
}
