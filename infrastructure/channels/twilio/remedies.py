"""What an operator can do about refused webhooks of Twilio, for each reason code."""

REMEDIES = {
    "account_unknown": (
        "these name no account of the settings: strangers, or an account or subaccount that is "
        "missing there"
    ),
    "signature_mismatch": (
        "compare these URLs with the one in Twilio's console, byte for byte (PUBLIC_BASE_URL, "
        "SMS_WEBHOOK_URL, WHATSAPP_WEBHOOK_URL); if one is the same, the token is another one; "
        "'frontdesk doctor signature' finds out with a captured request"
    ),
    "signature_missing": "let the proxy pass on X-Twilio-Signature, one time; or they are forged",
    "signature_ill_formed": "the header is no signature: a proxy changes it, or they are forged",
    "not_a_form": "the content type is not that of a form: set the webhook to HTTP POST at Twilio",
}
