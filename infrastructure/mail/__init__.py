"""Mail, whichever provider delivers it: read, described, and made into messages."""
