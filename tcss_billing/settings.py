"""The only settings module: read from the environment, with defaults that are safe."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from environs import FileAwareEnv

from tcss_billing import databases, state
from tcss_billing.watching import configured

BASE_DIR = Path(__file__).resolve().parent.parent

# Each variable may also come from a file: SECRET_KEY_FILE names the one with the key.
env = FileAwareEnv(strip_whitespace=True)

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or state.local_secret()
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "accounts",
    "quota",
    "tcss_billing",
    "tcss_billing.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "template_partials",
    "lucide",
    "procrastinate.contrib.django",
]

MIDDLEWARE = [
    "tcss_billing.watching.probes.Probes",
    "tcss_billing.watching.requests.Watch",
    "django.middleware.security.SecurityMiddleware",
    # Pads every page by a random length, so that its size tells nothing (BREACH).
    "django.middleware.gzip.GZipMiddleware",
    # Outside all others, so that what they answer themselves carries it too.
    "accounts.middleware.ContentPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "accounts.middleware.Maintenance",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.TokenInAddress",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.middleware.IdleSession",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.BodyLimit",
    "accounts.middleware.MethodInWords",
    "accounts.middleware.RetryOnce",
]

ROOT_URLCONF = "tcss_billing.urls"
WSGI_APPLICATION = "tcss_billing.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.Backend"]
CSRF_FAILURE_VIEW = "tcss_billing.errors.csrf_failed"
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "home"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "quota.pages.shell.shell",
                "accounts.pages.bell.bell",
                "accounts.pages.preferences.preferences",
            ],
        },
    },
    # Plain-text messages: nothing to escape.
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "NAME": "plain",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"autoescape": False},
    },
    # The rows of long tables: Django's own engine takes ten times as long for them.
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "NAME": "tables",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"environment": "accounts.tables.environment"},
    },
]

# "default" is the application's role, which has no right to change a ledger; "owner"
# migrates. Both name one database.
DATABASES = databases.configured(env)

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = state.home() / "static"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# Behind TLS, which is everywhere but on one's own machine.
HTTPS = env.bool("HTTPS", default=False)
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", False) else None
)
SESSION_ENGINE = "accounts.sessions"
# Behind TLS no other host of the domain can set these for us.
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
# No form of ours is longer, and none takes a file: more is refused unread (413).
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
FILE_UPLOAD_HANDLERS: list[str] = []
# So long after signing in, or away for longer than the minutes: signed out, and back on
# the same page after signing in again.
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", default=30)
# Whether the back office asks for a second factor; only the demo does without.
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", default=True)
PASSWORD_RESET_TIMEOUT = int(timedelta(hours=1).total_seconds())
# Whether anybody may open an account, with a verified address.
SIGN_UP = env.bool("SIGN_UP", default=False)
# Such as 03:30: every page says that it is back at about that time.
MAINTENANCE_UNTIL = env.str("MAINTENANCE_UNTIL", default="")
# Whom the sign-in page names for help, if anybody.
SUPPORT_EMAIL = env.str("SUPPORT_EMAIL", default="")

# Which engine looks into images: builtin, trivy, harbor (any scanner that speaks its
# pluggable scanner API), or auto (Trivy where it is found).
SCANNER = env.str("SCANNER", default="auto")
TRIVY_PATH = env.str("TRIVY_PATH", default="")
HARBOR_SCANNER_URL = env.str("HARBOR_SCANNER_URL", default="")
HARBOR_SCANNER_HEADERS = {
    name: value
    for name, value in {
        "Authorization": env.str("HARBOR_SCANNER_AUTHORIZATION", default=""),
        "X-ScannerAdapter-API-Key": env.str("HARBOR_SCANNER_API_KEY", default=""),
    }.items()
    if value
}
# ClamAV's daemon looks for trojans too: /run/clamav/clamd.ctl or tcp://host:port.
CLAMD_SOCKET = env.str("CLAMD_SOCKET", default="")
KNOWN_BAD_RULES = env.path("KNOWN_BAD_RULES", default=None)
# Registries: the keys that encrypt their passwords, the newest first, and whether their
# addresses may lie in private networks, which strangers must not reach through us.
CREDENTIAL_KEYS: list[str] = env.list("CREDENTIAL_KEYS", default=[]) or [
    state.local_credential_key()
]
REGISTRIES_MAY_BE_PRIVATE = env.bool("REGISTRIES_MAY_BE_PRIVATE", default=False)
# How many scans of one account may run at once; more only queue at its lock.
SCAN_LANES = env.int("SCAN_LANES", default=2)

# Where people reach the console: the start of every link in a message.
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
# Where a scan engine of its own reaches the console, to pull the images of registries
# that only know a password, which no engine is given.
SCANNER_PULL_URL = env.str("SCANNER_PULL_URL", default=SITE_URL).rstrip("/")
# Unset: nothing is sent, and every message says so (accounts.channels).
globals().update(env.dj_email_url("EMAIL_URL", default="dummy://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="Image Scan <no-reply@localhost>")
SMS_URL = env.str("SMS_URL", default="")
SMS_SECRET = env.str("SMS_SECRET", default="")
# Where the demo keeps what it sends; staff read it in the back office.
DEMO_INBOX = env.str("DEMO_INBOX", default="")

# Without a key only bank transfer is offered. Both secrets are Stripe's, of one mode.
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="")
STRIPE_URL = env.str("STRIPE_URL", default="https://api.stripe.com")
# Where customers send bank transfers, in one line each: shown with their reference.
BANK_DETAILS: list[str] = env.list("BANK_DETAILS", default=[], delimiter=";")
# Who sells: printed on every invoice as it is at that time. Prices include the tax.
SELLER_CODE = env.str("SELLER_CODE", default="IS")
SELLER_NAME = env.str("SELLER_NAME", default="Image Scan")
SELLER_ADDRESS: list[str] = env.list("SELLER_ADDRESS", default=[], delimiter=";")
SELLER_TAX_ID = env.str("SELLER_TAX_ID", default="")
TAX_NAME = env.str("TAX_NAME", default="Tax")
TAX_PERCENT = env.decimal("TAX_PERCENT", default=Decimal(0))
TAX_NOTE = env.str("TAX_NOTE", default="")
# An account's adjustments of 30 days above this need a second person of staff.
ADJUSTMENT_SECOND_PERSON_ABOVE = env.decimal(
    "ADJUSTMENT_SECOND_PERSON_ABOVE", default=Decimal(500)
)

# An account's refunds of 30 days above this need a second person of staff (rules 8.6).
REFUND_SECOND_PERSON_ABOVE = env.decimal(
    "REFUND_SECOND_PERSON_ABOVE", default=Decimal(500)
)

# A worker that is asked to stop tells its jobs at once; they finish or give back.
PROCRASTINATE_WORKER_DEFAULTS = {"shutdown_graceful_timeout": 0}
PROCRASTINATE_IMPORT_PATHS = ["tcss_billing.jobs", "accounts.payment_tasks"]

# Figures at /metrics, for who has the token, or else for this machine alone.
METRICS = configured.metrics(env)
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
LOGGING = configured.log(env)
