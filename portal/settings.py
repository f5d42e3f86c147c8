"""Settings from the environment. The embedded default needs none; production refuses a missing or default secret."""

import json
import os
import secrets
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from portal.lib import brokers, databases

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("BAILIWICK_HOME") or BASE_DIR / "var").resolve()


def _adopt_running_stack() -> None:
    """Let `manage.py` be used by hand beside a running embedded stack: take the environment it wrote."""
    runtime = HOME / "run" / "runtime.json"
    if "DATABASE_URL" not in os.environ and runtime.is_file():
        for name, value in json.loads(runtime.read_text())["env"].items():
            os.environ.setdefault(name, value)


_adopt_running_stack()
env = os.environ.get
EMBEDDED = env("BAILIWICK_EMBEDDED", "1") == "1"
DEBUG = False
SECRETS_DIR = Path(env("BAILIWICK_SECRETS_DIR") or HOME / "secrets")
CREATE_SECRETS = EMBEDDED
PUBLIC_URL = env("BAILIWICK_PUBLIC_URL", f"http://127.0.0.1:{env('PORT', '8000')}")


def _secret_key() -> str:
    given = env("DJANGO_SECRET_KEY", "")
    if not EMBEDDED:
        if len(given) < 50:
            raise ImproperlyConfigured("Set DJANGO_SECRET_KEY to at least 50 random characters.")
        return given
    from portal.lib.keys import read_or_create

    return given or read_or_create(SECRETS_DIR / "secret_key", secrets.token_urlsafe(64).encode()).decode()


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env("BAILIWICK_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]" if EMBEDDED else "").split(",")
TRUSTED_PROXIES = int(env("BAILIWICK_TRUST_PROXY") or 0)  # how many stand in front of us, one after the other
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


# One server, or several of which one is the primary: postgresql://app@one:5432,two:5432/bailiwick
PREPARED = env("BAILIWICK_PREPARED_STATEMENTS", "1" if EMBEDDED else "") == "1"  # not behind every pooler
DATABASE_URL = env("DATABASE_URL") or "postgresql://app@127.0.0.1:5432/bailiwick"
DATABASES = {"default": databases.django(DATABASE_URL, prepared=PREPARED)}
STANDBY = env("BAILIWICK_DATABASE_STANDBY") == "1"  # portal.lib.standby: who confirms what must not be lost
REPLICA_DATABASE_URL = env("BAILIWICK_REPLICA_DATABASE_URL", "")  # portal.lib.replica: lists are read there
if REPLICA_DATABASE_URL:
    DATABASES["replica"] = databases.django(REPLICA_DATABASE_URL, wanted="any", prepared=PREPARED)
    DATABASE_ROUTERS = ["portal.lib.replica.Router"]
# Past a pooler in front of DATABASE_URL, for the one session that must be its own: the dispatcher's LISTEN.
DIRECT_DATABASE_URL = env("BAILIWICK_DIRECT_DATABASE_URL", "")
# One server, or by its sentinels: redis+sentinel://:password@one:26379,two:26379/service/0
REDIS_URL = env("REDIS_URL", "redis://127.0.0.1:6379/0")
REGIONS_FILE = Path(env("BAILIWICK_REGIONS_FILE") or HOME / "run" / "regions.json")
WORK_DIR = HOME / "work"
REGISTRY_COPIES = Path(env("BAILIWICK_REGISTRY_COPIES") or HOME / "registry")
# The ledger: whose name it bears, who seals it, and the write-once store and the witness outside the database's reach.
LEDGER: dict[str, Any] = {
    "origin": env("BAILIWICK_LEDGER_ORIGIN", "bailiwick/ledger"),
    "database": env("BAILIWICK_SEALER_DATABASE_URL", ""),
    "bucket": env("BAILIWICK_ANCHOR_BUCKET", "bailiwick-ledger"),
    "endpoint": env("BAILIWICK_ANCHOR_ENDPOINT", ""),
    "region": env("BAILIWICK_ANCHOR_REGION", ""),
    "key_id": env("BAILIWICK_ANCHOR_KEY_ID", ""),
    "secret": env("BAILIWICK_ANCHOR_SECRET", ""),
    "witness": Path(env("BAILIWICK_WITNESS_DIR") or HOME / "witness"),
    "policy": env("BAILIWICK_LEDGER_POLICY", ""),
    "retention_days": 2557,
}
# Moves of live tenants. `stability_seconds` 0: as long as the tier's playbook says; on a laptop nobody waits two days.
MIGRATION: dict[str, Any] = {
    "moves_per_region": 2,
    "rounds": 20,
    "hours": 4,
    "budget_ms": int(env("BAILIWICK_MIGRATION_BUDGET_MS") or 100),
    "copy_workers": int(env("BAILIWICK_MIGRATION_COPY_WORKERS") or (2 if EMBEDDED else 10)),  # chunks at once
    "attempts": 10,
    "tick_seconds": 5,
    # from so many bytes or objects on DataSync carries a tenant's objects ahead, where both regions name a role for it,
    # for so long at most
    "datasync": {"bytes": 100 * 2**30, "objects": 100_000, "hours": 24},
    # who notes what changes, where nobody says otherwise; and from how many bytes of retained log on somebody is called
    "capture": env("BAILIWICK_MIGRATION_CAPTURE", "dirty_keys"),
    "retained_bytes": 256 * 2**20,
    # both sides are compared in snapshots that a process holds; one in which nobody reads for so long is let go
    "snapshot_idle_seconds": 300,
    "fenced_seconds": 10,
    # of a window: what must be left of it when work begins, what the watchdog needs to end it in time, and how long
    # before it a move may be started
    "window_reserve_seconds": 30,
    "window_margin_seconds": 5,
    "window_lead_hours": 24,
    # what stands before the platforms (routing/configured.py); none: the registry alone leads clients
    "doors": json.loads(env("BAILIWICK_MIGRATION_DOORS") or "[]"),
    "short_ttl_seconds": 60,
    "quiet_seconds": 60,
    "stability_seconds": int(env("BAILIWICK_MIGRATION_STABILITY_SECONDS") or (180 if EMBEDDED else 0)),
    "blue_green_sla": Decimal("99.99"),
    # a move starts only with a verified copy elsewhere that is not older
    "copy_hours": int(env("BAILIWICK_MIGRATION_COPY_HOURS") or 24),
    # the health gates look so often while green serves the tenant; any limit of gates/limits.py may be set here
    "gate_seconds": 5 if EMBEDDED else 30,
    "isolation_seconds": 300,  # after the switch it is tried so often whether rows cross between green's tenants
    # blue, found equal and shut, is kept for so long before it is erased
    "retention_hours": int(env("BAILIWICK_MIGRATION_RETENTION_HOURS") or (0 if EMBEDDED else 72)),
    "gates": {"soak": 60.0 if EMBEDDED else 300.0},
    # how reads move before the switch: so long at each share, so many questions of our own at a time where the tenant
    # asks none; what is said in `limits` stands above `gates`
    "reads": {
        "is_on": True,
        "mirror": 1.0,
        "soak": 1.0 if EMBEDDED else 300.0,
        "look_seconds": 0.5 if EMBEDDED else 10.0,
        "questions": 20,
        "floor": 5.0,
        "most": 200.0,
        "load_seconds": 2.0 if EMBEDDED else 30.0,
        "limits": {"min_requests": 30, "min_compared": 10, "quantile": 0.9, "clearly_bad": 8.0, "false_pass": 0.05}
        if EMBEDDED
        else {},
    },
    "changes_a_second": 1_000,  # a plan warns above; the store must have room for so many times what comes
    "room": 2,
    # what a roll-back leaves in the target is kept so long before somebody is asked about it
    "green_days": 14,
    # from the request of a drilled roll-back until blue takes writes again
    "rollback_seconds": 1.0,
}
# Erasure certificates: whose name they bear, whose clock stamps them (none: an embedded one, simulated), their store.
CERTIFICATES: dict[str, Any] = {
    "issuer": env("BAILIWICK_CERTIFICATE_ISSUER", "bailiwick/certificates"),
    "role": env("BAILIWICK_CERTIFICATE_ROLE", "processor"),  # or controller, joint-controller
    "tsa_url": env("BAILIWICK_TSA_URL", ""),
    "tsa_certificates": env("BAILIWICK_TSA_CERTIFICATES", ""),  # a PEM file: every certificate its stamps may carry
    "bucket": env("BAILIWICK_CERTIFICATE_BUCKET", "bailiwick-certificates"),
    "key_days": 730,
    "warn_days": 60,
    "looks_a_minute": 30,  # of one address at the public page
}
# Erasures: how long a signed one can be undone, how long until its second and third look, and days nobody works in the
# countries whose clock counts (ISO dates). `inventory` lists the stores of record, the others look into them.
ERASURE: dict[str, Any] = {
    "undo_seconds": int(env("BAILIWICK_ERASURE_UNDO_SECONDS") or 900),
    "grace_seconds": int(env("BAILIWICK_ERASURE_GRACE_SECONDS") or 300),
    # the longest that a task of the platform lives; the embedded one answers at once or not at all
    "resweep_after_seconds": int(env("BAILIWICK_ERASURE_RESWEEP_AFTER_SECONDS") or (60 if EMBEDDED else 900)),
    "proof_days": int(env("BAILIWICK_ERASURE_PROOF_DAYS") or 90),  # for so long one id of a manifest can be proved
    "holidays": json.loads(env("BAILIWICK_ERASURE_HOLIDAYS") or "[]"),
    "look_seconds": 3.5,  # how long a preview waits for the stores; below what a transaction may stand idle
    "inventory": "compliance.inventory.queries.snapshot",
    "verifier_of": "compliance.verifiers.verifier_of",
    "user_of": "compliance.verifiers.people.user_of",
}
# With which logins, that can only read, the portal's own database and cache are looked into for an erasure.
PORTAL_VERIFIER = {
    "database": env("BAILIWICK_VERIFIER_DATABASE_URL", ""),
    "cache": env("BAILIWICK_VERIFIER_REDIS_URL", ""),
}
# Exports of tenants: how long one waits to be received, and how long before an erasure was asked for it still counts.
# Their buckets are BAILIWICK_EXPORT_BUCKET with the region behind it (compliance/verifiers/exports.py).
EXPORTS = {"days": int(env("BAILIWICK_EXPORT_DAYS") or 14), "fresh_days": 30}
# How often a certificate that stands is looked into again: up to this age in days (null: ever after), every so many.
RECHECKS: list[tuple[int | None, int]] = json.loads(env("BAILIWICK_RECHECKS") or "[[90, 7], [null, 91]]")
# The search of all accounts: a file that names those beside the regions' own, and how long an owner has to sign.
SCANS: dict[str, Any] = {"accounts_file": env("BAILIWICK_SCAN_ACCOUNTS_FILE", ""), "sign_days": 14}
# Synthetic erasures: how long one may take, how long its last look waits for the stores (below its step's lease), and
# after how many days without one that passed that is an alarm.
SYNTHETIC: dict[str, int] = {"hours": 24, "look_seconds": 60, "overdue_days": 35}
# The optimizer: regions of the account it looks at (none: it does not), whose credentials may only read, and a price
# sheet in place of the one shipped (lifecycle/optimizer/engine/prices.json shows its shape).
OPTIMIZER: dict[str, str] = {
    "regions": env("BAILIWICK_OPTIMIZER_REGIONS", ""),
    "endpoint": env("BAILIWICK_OPTIMIZER_ENDPOINT", ""),
    "key_id": env("BAILIWICK_OPTIMIZER_KEY_ID", ""),
    "secret": env("BAILIWICK_OPTIMIZER_SECRET", ""),
    "prices": env("BAILIWICK_OPTIMIZER_PRICES", ""),
}
# Terraform's states: their bucket and its key, as terraform/bootstrap made them (an ARN, an id or an alias).
STATES: dict[str, str] = {
    "bucket": env("BAILIWICK_STATE_BUCKET", "bailiwick-state"),
    "kms_key_id": env("BAILIWICK_STATE_KMS_KEY", "alias/bailiwick-state"),
}
TERRAFORM_COMMANDS_PER_REGION = int(env("BAILIWICK_TERRAFORM_PER_REGION", "8"))

INSTALLED_APPS = [
    "portal.admin.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "simple_history",
    "portal.access",
    "portal.admin.saved",
    "portal.audit",
    "portal.guards",
    "portal.jobs",
    "portal.notify",
    "portal.approvals",
    "portal.signatures",
    "tenants",
    "tenants.usage",
    "tenants.configuration",
    "tenants.flags",
    "tenants.registry",
    "tenants.costs",
    "tenants.health",
    "tenants.placement",
    "tenants.reads",
    "compliance",
    "compliance.certificates",
    "compliance.holds",
    "compliance.inventory",
    "compliance.erasing",
    "compliance.supplements",
    "compliance.rechecks",
    "compliance.scans",
    "compliance.draws",
    "compliance.synthetic",
    "lifecycle",
    "lifecycle.tierchanges",
    "lifecycle.optimizer",
    "lifecycle.naming",
    "lifecycle.migration",
    "lifecycle.migration.comparing",
    "lifecycle.migration.judging",
    "lifecycle.migration.reading",
    "lifecycle.migration.drills",
    "lifecycle.migration.reviews",
    "lifecycle.migration.portfolios",
    "lifecycle.migration.windows",
    "lifecycle.migration.copies",
    "lifecycle.retiring",
    "lifecycle.exports",
    "lifecycle.migration.rehearsing",
    "lifecycle.migration.losses",
    "lifecycle.estate",
    "lifecycle.estate.upgrades",
]
AHEAD_OF_DJANGO = ["tenants.hot_api.ahead_of"]
MIDDLEWARE = [
    "portal.lib.middleware.RequestId",
    "portal.lib.middleware.SecurityHeaders",
    "portal.lib.middleware.ClientAddress",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.lib.middleware.RequestLog",
    "simple_history.middleware.HistoryRequestMiddleware",
]
if REPLICA_DATABASE_URL:
    MIDDLEWARE.append("portal.lib.replica.ReadYourWrites")
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
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
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static", "portal.admin.tags"],
        },
    }
]

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
SCOPE_NAMES = "tenants.queries.scope_names"
COMPLIANCE_EVIDENCE = "lifecycle.queries.validation_evidence"
LOGIN_REDIRECT_URL = "/"
SIGNIN_FAILURES_PER_ACCOUNT = 5
SIGNIN_FAILURES_PER_ADDRESS = 50
SIGNIN_WINDOW_SECONDS = 15 * 60
DEMO_PEOPLE_SHOWN = EMBEDDED and env("BAILIWICK_DEMO", "1") == "1"

OIDC = bool(env("OIDC_RP_CLIENT_ID"))
if OIDC:
    INSTALLED_APPS.append("mozilla_django_oidc")
    AUTHENTICATION_BACKENDS.append("portal.access.oidc.Backend")
    OIDC_RP_CLIENT_ID = env("OIDC_RP_CLIENT_ID")
    OIDC_RP_CLIENT_SECRET = env("OIDC_RP_CLIENT_SECRET", "")
    OIDC_RP_SIGN_ALGO = env("OIDC_RP_SIGN_ALGO", "RS256")
    OIDC_RP_SCOPES = "openid email profile"
    OIDC_OP_JWKS_ENDPOINT = env("OIDC_OP_JWKS_ENDPOINT")
    OIDC_OP_AUTHORIZATION_ENDPOINT = env("OIDC_OP_AUTHORIZATION_ENDPOINT")
    OIDC_OP_TOKEN_ENDPOINT = env("OIDC_OP_TOKEN_ENDPOINT")
    OIDC_OP_USER_ENDPOINT = env("OIDC_OP_USER_ENDPOINT")
    OIDC_OP_ISSUER = env("OIDC_OP_ISSUER")
    OIDC_CALLBACK_CLASS = "portal.access.oidc.Callback"
    OIDC_USE_PKCE = True
    OIDC_CREATE_USER = False
    OIDC_TIMEOUT = 10

SECURE = not EMBEDDED
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]  # who asks these stands behind the proxy that ends TLS
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
if SECURE:  # such a cookie cannot be set by a neighbour's subdomain or over plain HTTP
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
STRICT_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": SECURE_REFERRER_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": X_FRAME_OPTIONS,
    "Cache-Control": "no-store",
}
REAUTHENTICATE_ABOVE_INR = "5000000.00"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

CACHES = {"default": {"BACKEND": "portal.lib.cache.SpareCache", "LOCATION": [REDIS_URL]}}
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
DISPLAY_TIME_ZONE = env("BAILIWICK_DISPLAY_TIME_ZONE", "Asia/Kolkata")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "portal" / "admin" / "assets"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
if EMBEDDED:  # serve straight from the packages: no collectstatic before the first page
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    WHITENOISE_USE_FINDERS = True

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = HOME / "mail"
if env("EMAIL_HOST"):
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = env("EMAIL_HOST")
    EMAIL_PORT = int(env("EMAIL_PORT", "587"))
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = env("EMAIL_HOST_USER", ""), env("EMAIL_HOST_PASSWORD", "")
    EMAIL_USE_TLS = True
    EMAIL_TIMEOUT = 10
NOTIFY_ALLOW_PRIVATE_ADDRESSES = env("BAILIWICK_NOTIFY_PRIVATE") == "1"  # webhooks into one's own network
DEFAULT_FROM_EMAIL = env("BAILIWICK_MAIL_FROM", "bailiwick@localhost")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["portal.signatures.door.SignedBearer", "portal.access.authentication.Session"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "portal.access.reading.Noted"],
    "DEFAULT_PARSER_CLASSES": ["portal.lib.api.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "portal.lib.api.Pages",
    "DEFAULT_FILTER_BACKENDS": [
        "portal.lib.api.KnownFilters",
        "rest_framework.filters.OrderingFilter",
        "rest_framework.filters.SearchFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.lib.problems.handle",
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "PAGE_SIZE": 50,
}
API_ROUTES = [
    "portal.jobs.api.routes",
    "portal.approvals.api.routes",
    "portal.notify.api.routes",
    "portal.audit.api.routes",
    "portal.access.api.routes",
    "portal.signatures.api.routes",
    "tenants.api.routes",
    "tenants.usage.api.routes",
    "tenants.costs.api.routes",
    "tenants.flags.api.routes",
    "tenants.health.api.routes",
    "tenants.configuration.api.routes",
    "compliance.api.routes",
    "compliance.certificates.api.routes",
    "compliance.holds.api.routes",
    "compliance.inventory.api.routes",
    "compliance.erasing.api.routes",
    "compliance.rechecks.api.routes",
    "compliance.scans.api.routes",
    "compliance.draws.api.routes",
    "compliance.synthetic.api.routes",
    "lifecycle.api.routes",
    "lifecycle.tierchanges.api.routes",
    "lifecycle.optimizer.api.routes",
    "lifecycle.migration.api.routes",
    "lifecycle.migration.reviews.api.routes",
    "lifecycle.migration.drills.api.routes",
    "lifecycle.migration.portfolios.api.routes",
    "lifecycle.migration.windows.api.routes",
    "lifecycle.migration.copies.api.routes",
    "lifecycle.retiring.api.routes",
    "lifecycle.exports.api.routes",
    "lifecycle.restores.api.routes",
    "lifecycle.migration.rehearsing.api.routes",
    "lifecycle.estate.api.routes",
    "lifecycle.estate.endings_api.routes",
    "lifecycle.estate.upgrades.api.routes",
]
# What upper floors have platforms told of a tenant, beside its configuration, by name.
REGISTRY_PARTS = {"service": "lifecycle.migration.windows.queries.service_of"}
# A kind of case under the rules of another; and what a signed case's subject would be signed as now.
APPROVAL_RULES_OF = {"tier_change": "tenant_request"}
APPROVAL_DIGESTS = {
    "finding_change": "lifecycle.optimizer.actions.digest_now",
    "tier_change": "lifecycle.tierchanges.judgement.current_digest",
    "migration": "lifecycle.migration.planning.digest_now",
    "erasure": "compliance.erasing.queries.digest_now",
    "erasure.synthetic": "compliance.erasing.queries.digest_now",
    "estate_decision": "lifecycle.estate.actions.digest_now",
    "estate_destruction": "lifecycle.estate.actions.digest_now",
    "tenant_end": "lifecycle.estate.endings.digest_now",
    "module_upgrade": "lifecycle.estate.upgrades.actions.digest_now",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Bailiwick",
    "DESCRIPTION": "Govern the tenants of a shared RAG platform.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.lib.openapi.document_refusals",
    ],
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "portal.access.models.Role",
        "GrantScopeEnum": "portal.access.models.Scope",
        "AccessScopeEnum": "portal.access.models.PLACES",
        "GeographyEnum": "tenants.models.Geography",
        "SeverityEnum": "portal.notify.models.Severity",
        "RequestStateEnum": "lifecycle.models.State",
        "HoldStateEnum": "compliance.holds.models.State",
        "HoldKindEnum": "compliance.holds.models.Kind",
        "StoreHoldStateEnum": "compliance.holds.models.StoreHold.Answer",
        "ErasureStateEnum": "compliance.erasing.models.State",
        "ErasureKindEnum": "compliance.erasing.models.Kind",
        "ErasurePhaseEnum": "compliance.erasing.models.Phase",
        "DataClassEnum": "tenants.models.DataClass",
        "LegalBasisEnum": "compliance.erasing.models.Basis",
        "SystemRunStateEnum": "compliance.erasing.models.RunState",
        "ObligationStateEnum": "compliance.erasing.models.Owed",
        "TierChangeStateEnum": "lifecycle.tierchanges.models.State",
        "FindingStateEnum": "lifecycle.optimizer.models.Finding.State",
        "FindingChangeStateEnum": "lifecycle.optimizer.models.State",
        "ScanOutcomeEnum": "lifecycle.optimizer.models.Outcome",
        "MigrationStateEnum": "lifecycle.migration.models.State",
        "CopyStateEnum": "lifecycle.migration.copies.models.State",
        "RetirementStateEnum": "lifecycle.retiring.models.State",
        "ExportStateEnum": "lifecycle.exports.models.State",
        "StrategyEnum": "lifecycle.migration.models.Strategy",
        "RedFlagKindEnum": "lifecycle.migration.models.RedFlag.Kind",
        "PortfolioStateEnum": "lifecycle.migration.portfolios.models.State",
        "DrillOutcomeEnum": "lifecycle.migration.drills.models.Outcome",
        "DirectionEnum": "lifecycle.migration.models.Direction",
        "SystemKindEnum": "compliance.inventory.models.Kind",
        "SystemStateEnum": "compliance.inventory.models.State",
        "CertificateStateEnum": "compliance.certificates.models.State",
        "DrawStateEnum": "compliance.draws.models.State",
        "ScanStateEnum": "compliance.scans.models.State",
        "SyntheticStateEnum": "compliance.synthetic.models.State",
        "RecheckStateEnum": "compliance.rechecks.models.State",
        "CertificateTypeEnum": "compliance.certificates.models.Type",
        "CaseStateEnum": "portal.approvals.models.Case.State",
        "RequirementStateEnum": "portal.approvals.models.Requirement.State",
        "JobStateEnum": "portal.jobs.models.JobState",
        "StepStateEnum": "portal.jobs.models.StepState",
        "StatementStateEnum": "tenants.costs.models.State",
        "TenantStatusEnum": "tenants.models.Status",
        "PlatformScopeEnum": "tenants.connect.SCOPES",
        "ChannelKindEnum": "portal.notify.models.Channel.Kind",
        "FlagKindEnum": "tenants.flags.models.Kind",
        "TypeEnum": "tenants.flags.models.ValueType",
        "FlagRelationEnum": "tenants.flags.models.Relation.Word",
        "DecisionStateEnum": "lifecycle.estate.models.Decision.State",
        "EndingStateEnum": "lifecycle.estate.models.Ending.State",
        "EstateFindingKindEnum": "lifecycle.estate.models.Finding.Kind",
        "EstateFindingStateEnum": "lifecycle.estate.models.Finding.State",
        "RemedyEnum": "lifecycle.estate.models.Remedy",
        "UpgradeStateEnum": "lifecycle.estate.upgrades.models.State",
        "UpgradeMemberStateEnum": "lifecycle.estate.upgrades.models.Member.State",
    },
}

# Verbs that need a guard and are Blocked while none is registered (portal.guards).
GUARDED_VERBS = frozenset(
    {
        "tenant.start_erasing", "tenant.finish_erasing", "tenant.archive", "ledger.retire",
        "migration.start", "migration.decommission", "migration.release_green", "copy.release", "certificate.issue",
        "export.delete", "tenant.restore",
    }
)  # fmt: skip
GUARDS: dict[str, list[str]] = {
    "tenant.start_erasing": [
        "compliance.holds.guards.not_while_held",
        "lifecycle.erasure.guards.only_by_an_erasure",
    ],
    "tenant.finish_erasing": [
        "compliance.holds.guards.not_while_held",
        "lifecycle.erasure.guards.only_when_certified",
    ],
    "certificate.issue": [
        "lifecycle.erasure.guards.no_store_holds",
        "lifecycle.erasure.guards.nothing_unlisted",
        "lifecycle.exports.guards.none_lies_around",
    ],
    "export.delete": ["compliance.holds.guards.not_while_held"],
    "migration.decommission": [
        "compliance.holds.guards.not_while_held",
        "lifecycle.migration.judging.guards.green_is_well",
    ],
    "migration.release_green": [
        "compliance.holds.guards.not_while_held",
        "lifecycle.migration.losses.guards.no_green_is_open",
    ],
    "copy.release": ["compliance.holds.guards.not_while_held"],
    "ledger.retire": ["compliance.holds.guards.nothing_held", "portal.guards.no_rule"],
    "tenant.archive": ["lifecycle.suspension.guards.not_while_moving"],
    "tenant.restore": [
        "compliance.holds.guards.not_while_held",
        "lifecycle.restores.guards.replays_the_ledger",
    ],
    "approval.take_effect": ["lifecycle.migration.rehearsing.guards.approved_after_rehearsal"],
    "migration.start": [
        "lifecycle.migration.rehearsing.guards.a_rehearsal_passed",
        "lifecycle.migration.copies.guards.a_copy_exists",
        "lifecycle.migration.losses.guards.no_green_is_open",
        "lifecycle.retiring.guards.nothing_is_erased_there",
    ],
}

METRIC_TENANTS = int(env("BAILIWICK_METRIC_TENANTS") or 50)  # with series of their own; the rest are `other`
METRIC_COLLECTORS = [
    "portal.jobs.metrics.JobCollector",
    "portal.approvals.metrics.ApprovalCollector",
    "portal.notify.metrics.DeliveryCollector",
    "portal.audit.metrics.LedgerCollector",
    "tenants.metrics.TenantCollector",
    "tenants.health.metrics.HealthCollector",
    "lifecycle.provisioning.metrics.ProvisioningCollector",
    "lifecycle.migration.metrics.MigrationCollector",
    "lifecycle.estate.metrics.EstateCollector",
    "lifecycle.optimizer.metrics.OptimizerCollector",
]
# Data that every installation starts with (manage.py seed).
DEFAULTS = [
    "tenants.defaults.install",
    "tenants.costs.defaults.install",
    "tenants.flags.defaults.install",
    "tenants.health.defaults.install",
    "compliance.defaults.install",
    "compliance.inventory.defaults.install",
    "lifecycle.defaults.install",
    "portal.approvals.defaults.install",
    "portal.notify.defaults.install",
    "lifecycle.migration.defaults.install",
    "lifecycle.migration.drills.defaults.install",
    "lifecycle.migration.rehearsing.defaults.install",
    "lifecycle.erasure.defaults.install",
    "lifecycle.exports.defaults.install",
    "compliance.erasing.defaults.install",
    "lifecycle.estate.defaults.install",
    "lifecycle.optimizer.defaults.install",
]
DEMO_DEFAULTS = ["tenants.defaults.install_demo_units"]

OUTBOX_SUBSCRIBERS: dict[str, list[str]] = {
    "tenant.changed": [
        "tenants.registry.subscribers.tenant_changed",
        "lifecycle.suspension.subscribers.tenant_changed",
    ],
    "flags.changed": ["tenants.registry.subscribers.tenants_changed"],
    "registry.stale": ["tenants.registry.subscribers.tenants_changed"],
    "tier.changed": ["tenants.registry.subscribers.tier_changed"],
    "approval.opened": ["portal.notify.subscribers.approval_opened"],
    "approval.waiting": ["portal.notify.subscribers.approval_waiting"],
    "approval.asked": ["portal.notify.subscribers.approval_asked"],
    "approval.answered": ["portal.notify.subscribers.approval_answered"],
    "approval.signed": ["portal.approvals.subscribers.signed", "portal.notify.subscribers.approval_signed"],
    "approval.approved": [
        "portal.notify.subscribers.approval_approved",
        "lifecycle.provisioning.subscribers.approved",
        "lifecycle.tierchanges.subscribers.approved",
        "lifecycle.optimizer.subscribers.approved",
        "lifecycle.migration.subscribers.approved",
        "compliance.erasing.subscribers.approved",
        "lifecycle.estate.subscribers.approved",
        "lifecycle.estate.upgrades.subscribers.approved",
    ],
    "approval.rejected": [
        "portal.notify.subscribers.approval_rejected",
        "lifecycle.provisioning.subscribers.ended",
        "lifecycle.tierchanges.subscribers.ended",
        "lifecycle.optimizer.subscribers.ended",
        "lifecycle.migration.subscribers.ended",
        "compliance.erasing.subscribers.ended",
        "lifecycle.estate.subscribers.ended",
        "lifecycle.estate.upgrades.subscribers.ended",
    ],
    "approval.expired": [
        "portal.notify.subscribers.approval_expired",
        "lifecycle.provisioning.subscribers.ended",
        "lifecycle.tierchanges.subscribers.ended",
        "lifecycle.optimizer.subscribers.ended",
        "lifecycle.migration.subscribers.ended",
        "compliance.erasing.subscribers.ended",
        "lifecycle.estate.subscribers.ended",
        "lifecycle.estate.upgrades.subscribers.ended",
    ],
    "approval.voided": [
        "portal.notify.subscribers.approval_voided",
        "lifecycle.provisioning.subscribers.ended",
        "lifecycle.tierchanges.subscribers.ended",
        "lifecycle.optimizer.subscribers.ended",
        "lifecycle.migration.subscribers.ended",
        "compliance.erasing.subscribers.ended",
        "lifecycle.estate.subscribers.ended",
        "lifecycle.estate.upgrades.subscribers.ended",
    ],
    "approval.cancelled": [
        "lifecycle.provisioning.subscribers.ended",
        "lifecycle.tierchanges.subscribers.ended",
        "lifecycle.optimizer.subscribers.ended",
        "lifecycle.migration.subscribers.ended",
        "compliance.erasing.subscribers.ended",
        "lifecycle.estate.subscribers.ended",
        "lifecycle.estate.upgrades.subscribers.ended",
    ],
    "tier_change.changed": ["lifecycle.tierchanges.subscribers.changed"],
    "approval.blocked": ["portal.notify.subscribers.approval_blocked"],
    "approval.escalated": ["portal.notify.subscribers.approval_escalated"],
    "request.submitted": ["lifecycle.provisioning.subscribers.submitted"],
    "request.changed": ["portal.notify.subscribers.request_changed"],
    "migration.changed": [
        "lifecycle.migration.subscribers.changed",
        "lifecycle.migration.reviews.subscribers.changed",
        "lifecycle.migration.drills.subscribers.changed",
    ],
    "portfolio.changed": ["lifecycle.migration.portfolios.subscribers.changed"],
    "migration_drill.concluded": ["lifecycle.migration.drills.subscribers.concluded"],
    "migration_review.opened": ["lifecycle.migration.reviews.subscribers.opened"],
    "migration.gates_failed": ["lifecycle.migration.judging.subscribers.failed"],
    "migration.loss_asked": ["lifecycle.migration.losses.subscribers.asked"],
    "migration.not_following": ["lifecycle.migration.subscribers.not_following"],
    "migration.log_retained": ["lifecycle.migration.subscribers.log_retained"],
    "migration.green_closed": ["lifecycle.migration.losses.subscribers.green_closed"],
    "migration.window_opened": ["lifecycle.migration.windows.subscribers.opened"],
    "migration.window_closed": ["lifecycle.migration.windows.subscribers.closed"],
    "migration.throttle_asked": ["lifecycle.migration.windows.subscribers.throttle_asked"],
    "hold.changed": ["compliance.holds.subscribers.changed", "compliance.erasing.subscribers.hold_changed"],
    "hold.release_sealed": ["compliance.holds.subscribers.release_sealed"],
    "hold.fence": ["lifecycle.holding.subscribers.fence"],
    "hold.unreached": ["compliance.holds.subscribers.unreached"],
    "hold.not_effective": ["compliance.holds.subscribers.not_effective"],
    "inventory.drift": ["compliance.inventory.subscribers.drifted"],
    "inventory.statement_ending": ["compliance.inventory.subscribers.statement_ending"],
    "hold.released": [
        "lifecycle.holding.subscribers.released",
        "compliance.erasing.subscribers.hold_released",
        "lifecycle.retiring.subscribers.hold_released",
        "lifecycle.exports.subscribers.hold_released",
    ],
    "store.retired": [
        "lifecycle.migration.subscribers.store_retired",
        "lifecycle.migration.copies.steps.store_retired",
    ],
    "erasure.cancelled": ["lifecycle.erasure.subscribers.cancelled"],
    "erasure.due": ["lifecycle.erasure.subscribers.due"],
    "erasure.changed": [
        "compliance.erasing.subscribers.changed",
        "compliance.synthetic.subscribers.erasure_changed",
    ],
    "erasure.changed:receive": ["lifecycle.exports.subscribers.erasure_changed"],
    "erasure.changed:refuse": ["compliance.supplements.subscribers.changed"],
    "export.ready": ["lifecycle.exports.subscribers.ready"],
    "erasure.obligation_lapsed": ["compliance.supplements.subscribers.lapsed"],
    "erasure.contested": ["compliance.rechecks.subscribers.contested"],
    "scan.ended": ["compliance.scans.subscribers.ended"],
    "scan.overdue": ["compliance.scans.subscribers.overdue"],
    "synthetic.concluded": ["compliance.synthetic.subscribers.concluded"],
    "synthetic.overdue": ["compliance.synthetic.subscribers.overdue"],
    "synthetic.untried": ["compliance.synthetic.subscribers.untried"],
    "recheck.concluded": ["compliance.rechecks.subscribers.concluded"],
    "supplement.contradicted": ["compliance.supplements.subscribers.contradicted"],
    "erasure.due_near": ["compliance.erasing.subscribers.due_near"],
    "erasure.obligation_due": ["compliance.erasing.subscribers.obligation_due"],
    "retention_rule.review_due": ["compliance.erasing.subscribers.rule_review"],
    "tenant.fence_reported": ["lifecycle.migration.subscribers.fence_reported"],
    "tenant.end_due": ["lifecycle.suspension.retention.end_due"],
    "tenant.ending": ["portal.notify.subscribers.tenant_ending"],
    "tenant.end_blocked": ["portal.notify.subscribers.tenant_end_blocked"],
    "certificate.intended": ["compliance.certificates.subscribers.intended"],
    "certificate.issued": [
        "compliance.certificates.subscribers.issued",
        "lifecycle.erasure.subscribers.certificate_changed",
    ],
    "certificate.revoked": ["compliance.certificates.subscribers.revoked"],
    "certificate.void": [
        "compliance.certificates.subscribers.void",
        "lifecycle.erasure.subscribers.certificate_changed",
    ],
    "certificate_store.failed": ["compliance.certificates.subscribers.store_failed"],
    "certificate_key.ending": ["compliance.certificates.subscribers.key_ending"],
    "job.failed": [
        "portal.notify.subscribers.job_failed",
        "compliance.certificates.subscribers.job_failed",
        "compliance.synthetic.subscribers.job_ended",
        "lifecycle.provisioning.subscribers.job_failed",
        "lifecycle.migration.subscribers.job_failed",
        "lifecycle.migration.copies.steps.job_ended",
        "lifecycle.migration.rehearsing.steps.job_ended",
        "lifecycle.erasure.subscribers.job_failed",
        "lifecycle.estate.subscribers.job_ended",
        "lifecycle.optimizer.subscribers.job_failed",
        "lifecycle.estate.upgrades.subscribers.job_ended",
        "lifecycle.exports.subscribers.job_ended",
    ],
    "job.cancelled": [
        "compliance.synthetic.subscribers.job_ended",
        "lifecycle.provisioning.subscribers.job_failed",
        "lifecycle.migration.subscribers.job_failed",
        "lifecycle.migration.copies.steps.job_ended",
        "lifecycle.migration.rehearsing.steps.job_ended",
        "lifecycle.estate.subscribers.job_ended",
        "lifecycle.estate.upgrades.subscribers.job_ended",
        "lifecycle.exports.subscribers.job_ended",
    ],
    "estate.found": ["lifecycle.estate.subscribers.found"],
    "estate.ending": ["lifecycle.estate.subscribers.ending"],
    "upgrade.member_done": ["lifecycle.estate.upgrades.subscribers.member_done"],
    "ticket.opened": ["portal.notify.subscribers.ticket_opened"],
    "rollback.finished": ["portal.notify.subscribers.rollback_finished"],
    "incident.opened": ["portal.notify.subscribers.incident_opened"],
    "residency.failed": ["portal.notify.subscribers.residency_failed"],
    "user.disabled": ["tenants.subscribers.account_ended"],
    "platform_keys.orphaned": ["tenants.subscribers.platform_keys_orphaned"],
    "flag.ended": ["tenants.flags.subscribers.ended"],
    "flag.switched": ["tenants.flags.subscribers.switched"],
    "arrears.noticed": ["tenants.costs.subscribers.arrears_noticed"],
    "cost.rose": ["tenants.costs.subscribers.cost_rose"],
    "health.fell": ["tenants.health.subscribers.fell"],
    "health.recovered": ["tenants.health.subscribers.recovered"],
    "budget.exceeded": ["tenants.costs.subscribers.budget_exceeded"],
    "ledger.alarm": ["portal.notify.subscribers.ledger_alarm"],
    "ledger.all_clear": ["portal.notify.subscribers.ledger_all_clear"],
    "outbox.gave_up": ["portal.notify.subscribers.outbox_gave_up"],
}
JOB_KINDS = {
    "provision.plan": "lifecycle.provisioning.jobs.PLAN",
    "provision.apply": "lifecycle.provisioning.jobs.PROVISION",
    "provision.roll_back": "lifecycle.provisioning.jobs.ROLL_BACK",
    "validate": "lifecycle.provisioning.jobs.VALIDATE",
    "suspension": "lifecycle.suspension.jobs.SUSPENSION",
    "reactivation": "lifecycle.suspension.jobs.REACTIVATION",
    "archive": "lifecycle.suspension.jobs.ARCHIVE",
    "status.restore": "lifecycle.suspension.jobs.RESTORE",
    "certificate.issue": "compliance.certificates.jobs.ISSUE",
    "certificate.supplement": "compliance.supplements.jobs.SUPPLEMENT",
    "certificate.refuse": "compliance.supplements.jobs.REFUSE",
    "certificate.recheck": "compliance.rechecks.jobs.RECHECK",
    "inventory.scan": "compliance.scans.jobs.SCAN",
    "erasure.draw": "compliance.draws.jobs.DRAW",
    "erasure.synthetic": "lifecycle.synthetic.jobs.SYNTHETIC",
    "hold.fence": "lifecycle.holding.jobs.FENCE",
    "erasure.run": "lifecycle.erasure.jobs.RUN",
    "erasure.clear_up": "lifecycle.erasure.jobs.CLEAR_UP",
    "optimizer.scan": "lifecycle.optimizer.jobs.SCAN",
    "optimizer.carry_out": "lifecycle.optimizer.carrying.CARRY_OUT",
    "migration.move": "lifecycle.migration.jobs.MOVE",
    "migration.roll_back": "lifecycle.migration.jobs.ROLL_BACK",
    "migration.close_green": "lifecycle.migration.jobs.CLOSE_GREEN",
    "migration.end_datasync": "lifecycle.migration.jobs.END_DATASYNC",
    "migration.copy": "lifecycle.migration.copies.jobs.COPY",
    "store.retire": "lifecycle.retiring.jobs.RETIRE",
    "export.make": "lifecycle.exports.jobs.EXPORT",
    "export.delete": "lifecycle.exports.jobs.REMOVE",
    "migration.clone": "lifecycle.migration.rehearsing.jobs.CLONE",
    "migration.rehearse": "lifecycle.migration.rehearsing.jobs.REHEARSE",
    "estate.compare": "lifecycle.estate.jobs.COMPARE",
    "estate.search": "lifecycle.estate.jobs.SEARCH",
    "estate.carry_out": "lifecycle.estate.jobs.CARRY_OUT",
    "upgrade.tenant": "lifecycle.estate.upgrades.jobs.UPGRADE",
}
SCHEDULE = {
    "portal.jobs.schedule.redrive_orphans": 2,
    "portal.jobs.schedule.clear_up": 3600,
    "portal.approvals.schedule.tick": 30,
    "portal.notify.schedule.deliver": 5,
    "portal.audit.schedule.tick": 10,
    "tenants.registry.schedule.repair": 5,
    "tenants.registry.schedule.keep_copy": 3600,
    "tenants.registry.schedule.forget_old": 3600,
    "compliance.schedule.tick": 600,
    "compliance.certificates.schedule.tick": 3600,
    "compliance.certificates.schedule.try_store": 86_400,
    "compliance.holds.schedule.tick": 600,
    "compliance.inventory.schedule.tick": 600,
    "compliance.inventory.schedule.remind": 3600,
    "compliance.erasing.schedule.tick": 60,
    "compliance.supplements.schedule.tick": 3600,
    "compliance.rechecks.schedule.tick": 3600,
    "compliance.scans.schedule.tick": 3600,
    "compliance.synthetic.schedule.tick": 3600,
    "tenants.flags.actions.note_ends": 600,
    "tenants.costs.schedule.tick": 300,
    "tenants.health.schedule.tick": 60,
    "tenants.health.schedule.forget_old": 3600,
    "tenants.costs.dunning.tick": 3600,
    "lifecycle.provisioning.schedule.tick": 30,
    "lifecycle.suspension.schedule.tick": 60,
    "lifecycle.holding.schedule.tick": 60,
    "lifecycle.holding.refusals.tick": 60,
    "lifecycle.exports.schedule.tick": 60,
    "lifecycle.tierchanges.schedule.tick": 60,
    "lifecycle.optimizer.schedule.tick": 600,
    "lifecycle.migration.schedule.tick": 2,
    "lifecycle.migration.losses.schedule.tick": 2,
    "lifecycle.migration.slots.tick": 10,
    "lifecycle.migration.reviews.schedule.tick": 300,
    "lifecycle.migration.drills.schedule.tick": 3600,
    "lifecycle.migration.portfolios.schedule.tick": 10,
    "lifecycle.estate.schedule.tick": 300,
    "lifecycle.estate.schedule.watch_endings": 60,
    "lifecycle.estate.upgrades.running.tick": 30,
}

# The queue holds hints, the database the truth: what a worker took is in its hands only, and sent again if it dies.
CELERY_BROKER_URL, _sentinel = brokers.address(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # never gives up
CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # a Redis that is failing over refuses, and then does not
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **_sentinel,
    "ack_emulation": False,  # else losing the connection while a task runs ends the worker
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "health_check_interval": 5,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True  # with the next line: a worker takes no more than it runs
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_DB_REUSE_MAX = 500  # tasks on one connection; each asks first whether it still answers

DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # an address is personal data, and this one believes any header
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "structlog.stdlib.ProcessorFormatter", "processor": "ext://portal.lib.logs.renderer"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    # it writes whole addresses, and a presigned address is a credential
    "loggers": {"httpx": {"level": "WARNING"}},
    "root": {"handlers": ["console"], "level": env("BAILIWICK_LOG_LEVEL", "INFO")},
}
