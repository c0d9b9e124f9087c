"""Mail from SendGrid with Django and Anymail, stored in SQLite.

DJANGO_SETTINGS_MODULE=benchmarks.peers.django_mail.settings django-admin migrate --run-syncdb
gunicorn --worker-class gthread --threads 8 benchmarks.peers.django_mail.wsgi
"""
