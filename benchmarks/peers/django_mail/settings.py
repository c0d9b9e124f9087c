"""Django's settings. ``DATABASE`` and ``WEBHOOK_SECRET`` (user:password) come from outside."""

import os

SECRET_KEY = "not used: there are no sessions here"  # noqa: S105 - no secret
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "benchmarks.peers.django_mail.urls"
INSTALLED_APPS = ["anymail", "benchmarks.peers.django_mail"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["DATABASE"],
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            # A commit survives a power failure.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }
}
ANYMAIL = {"WEBHOOK_SECRET": os.environ["WEBHOOK_SECRET"]}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
