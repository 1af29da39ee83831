"""Django settings. Every value comes from the environment; what must be set has no default.

docs/reference/settings.md lists each variable; a test keeps the two equal.
"""

import os
import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

CHECKOUT = Path(__file__).resolve().parent.parent


def _require(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        msg = f"the environment variable {name} must be set (./archipelago sets it; see docs/reference/settings.md)"
        raise ImproperlyConfigured(msg)
    return value


def _flag(name: str, default: str = "0") -> bool:
    value = os.environ.get(name, default)
    if value not in {"0", "1"}:
        msg = f"the environment variable {name} is {value!r}; expected 0 or 1"
        raise ImproperlyConfigured(msg)
    return value == "1"


def _words(name: str, default: str) -> list[str]:
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


SECRET_KEY = _require("ARCHIPELAGO_SECRET_KEY")
DEBUG = _flag("ARCHIPELAGO_DEBUG")
# Address at which users reach this archive; it stands in access_url and in registry records.
PUBLIC_URL = os.environ.get("ARCHIPELAGO_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = _words("ARCHIPELAGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

DATA_ROOT = Path(os.environ.get("ARCHIPELAGO_DATA", CHECKOUT / "var")).resolve()
FILES_ROOT = DATA_ROOT / "files"
MAPS_ROOT = DATA_ROOT / "maps"
LIMITS_ROOT = DATA_ROOT / "upper_limits"
# Packages that were handed in; read by the gates only, never served.
QUARANTINE_ROOT = DATA_ROOT / "quarantine"
# What was uploaded to jobs, and their results.
RESULTS_ROOT = DATA_ROOT / "jobs"

# The authority part of every ivo:// identifier that this archive mints.
IVO_AUTHORITY = os.environ.get("ARCHIPELAGO_IVO_AUTHORITY", "archipelago.invalid")

# Whom records of the VO Registry name: a role and its mailbox, never a person. The domain .invalid reaches nobody.
CONTACT_NAME = os.environ.get("ARCHIPELAGO_CONTACT_NAME", "Archive helpdesk")
CONTACT_EMAIL = os.environ.get("ARCHIPELAGO_CONTACT_EMAIL", "helpdesk@archipelago.invalid")
if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+", CONTACT_EMAIL):
    msg = f"the environment variable ARCHIPELAGO_CONTACT_EMAIL is {CONTACT_EMAIL!r}; expected one mailbox, user@host"
    raise ImproperlyConfigured(msg)

# Sesame of CDS for names that the archive does not know,
# such as https://cds.unistra.fr/cgi-bin/nph-sesame; empty: none.
SESAME_URL = os.environ.get("ARCHIPELAGO_SESAME_URL", "")

# Hosts (name, or name:port) from which TAP fetches an uploaded table by URL; empty: none.
UPLOAD_HOSTS = _words("ARCHIPELAGO_UPLOAD_HOSTS", "")

DATABASE_URL = os.environ.get("DATABASE_URL", "")


def _database() -> dict[str, object]:
    if not DATABASE_URL:
        # An empty HOST tells the backend to start the embedded server on first use.
        return {"ENGINE": "archive.postgres", "NAME": "archipelago", "HOST": "", "USER": "archipelago"}
    # Loading it takes as long as exporting a HiPS, which needs no database.
    from psycopg import ProgrammingError  # noqa: PLC0415
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        parts = conninfo_to_dict(DATABASE_URL)
    except ProgrammingError as error:
        msg = "DATABASE_URL is not a PostgreSQL address; expected postgresql://user:password@host:port/name"
        raise ImproperlyConfigured(msg) from error
    return {
        "ENGINE": "archive.postgres",
        "NAME": parts.pop("dbname", "archipelago"),
        "HOST": parts.pop("host", "localhost"),
        "PORT": str(parts.pop("port", "")),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "OPTIONS": parts,
    }


DATABASES = {"default": {**_database(), "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The PostgreSQL role under which outside queries run; it may only read the published schemas.
TAP_ROLE = "archipelago_tap"
PUBLISHED_SCHEMAS = ("integral", "ivoa", "ila", "tap_schema", "demo")

INSTALLED_APPS = [
    "archive",
    "ingestion",
    "vo",
    "hips",
    "upper_limits",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sitemaps",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "archive.website.compression.compress_pages",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "archive.usage.count_usage",
    "archive.website.languages.page_language",
    "archive.website.middleware.security_headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "archive.accounts.middleware.bearer_token",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "archive.urls"
WSGI_APPLICATION = "archive.wsgi.application"
# A thread of every web worker makes what pages show of a whole release before the first visitor asks.
KEEP_WARM = True
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [CHECKOUT / "archive" / "website" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "archive.website.context.archive_context",
            ],
        },
    },
]

# Accounts are for people who keep jobs, tables and baskets, or who deliver data; everything published needs none.
SIGNUP_OPEN = _flag("ARCHIPELAGO_SIGNUP", default="1")
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ACCOUNT_ADAPTER = "archive.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
# No address is asked for: the archive sends no mail, and what it does not know it cannot lose.
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_SESSION_REMEMBER = True
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "account"
CSRF_FAILURE_VIEW = "archive.website.views.errors.form_refused"
# No script reads the token: forms carry it.
CSRF_COOKIE_HTTPONLY = True
# A cookie is set at the login and not before; it never leaves over plain HTTP where the archive has HTTPS.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https:")

STATIC_URL = "/static/"
STATIC_ROOT = DATA_ROOT / "static"
# A static file is found in the packages themselves: nothing has to be collected on a small installation.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français")]
LOCALE_PATHS = [CHECKOUT / "archive" / "locale"]
FORMAT_MODULE_PATH = "archive.locale"
LANGUAGE_COOKIE_AGE = 365 * 86400
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = SESSION_COOKIE_SECURE
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024 * 1024
# DataLink is asked for thousands of identifiers in one form.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50_000
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "archive.api.errors.render_error",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Archipelago",
    "DESCRIPTION": "INTEGRAL's legacy archive for programs. ra and dec are ICRS degrees; units are in the names or "
    "beside the arrays; null is a missing value. Tables of any size: TAP.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "LICENSE": {"name": "BSD-3-Clause (software)"},
}

# Broker of the nudges to the workers; empty = kombu's filesystem transport under DATA_ROOT (archive/celery.py).
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "")

# Advisory locks of PostgreSQL that the archive takes; each use has a number of its own.
LOCK_MIGRATE = 2002_01
LOCK_PUBLISH = 2002_02
LOCK_AUDIT = 2002_03

# Kinds of job that the job table may name, and the function that each one runs.
JOBS = {
    "ingest": "ingestion.jobs.ingest",
    "delivery_check": "ingestion.jobs.check_delivery",
    "delivery_publish": "ingestion.jobs.publish_delivery",
    "delivery_read_back": "ingestion.jobs.read_back_delivery",
    "fixity": "ingestion.jobs.sweep_fixity",
    "tap": "vo.tap.jobs.run_tap",
    "soda": "vo.soda.jobs.run_soda",
    "build_epochs": "upper_limits.jobs.build_epochs",
    "upper_limits": "upper_limits.jobs.answer_list",
    "hips_build": "hips.jobs.build_part",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("ARCHIPELAGO_LOG_LEVEL", "WARNING")},
}
