"""Settings of the comparison backend, as it would run in production.

DEBUG is off, connections persist (CONN_MAX_AGE=None), no session, admin or
cookie middleware is loaded, and a commit is on disk before the reply, as in
sheaf: PostgreSQL with its own defaults, SQLite with WAL and synchronous=FULL.

The environment selects the database:
  PEER_SQLITE=/path/to/file           or
  PEER_PG_HOST, PEER_PG_PORT, PEER_PG_USER, PEER_PG_DATABASE
"""
import os

DEBUG = False
SECRET_KEY = "bench only: nothing is signed with it"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
WEBHOOK_SECRET = os.environ.get("WEBHOOK_SECRET", "")

INSTALLED_APPS = ["rest_framework", "papers"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "peer.urls"
WSGI_APPLICATION = "peer.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024

if "PEER_SQLITE" in os.environ:
    _DATABASE = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["PEER_SQLITE"],
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL;"
                            "PRAGMA synchronous=FULL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
        },
    }
else:
    _DATABASE = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("PEER_PG_HOST", ""),
        "PORT": os.environ.get("PEER_PG_PORT", ""),
        "USER": os.environ.get("PEER_PG_USER", ""),
        "NAME": os.environ.get("PEER_PG_DATABASE", "peer"),
    }
DATABASES = {"default": {**_DATABASE, "CONN_MAX_AGE": None}}

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}
