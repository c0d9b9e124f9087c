"""Which variation of a captured request Twilio has signed."""
