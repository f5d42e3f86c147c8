"""A certificate's codes in the words of whoever files it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from bailiwick_proof.certifiable import COUNTED
from bailiwick_proof.certificate import Core
from bailiwick_proof.erasure import System
from django.conf import settings

TYPES = {
    "final": "Final certificate",
    "partial": "Partial certificate",
    "interim": "Interim certificate",
    "supplement": "Supplement",
    "reissue": "Re-issued certificate",
    "refusal": "Certificate of refusal",
    "synthetic": "Synthetic certificate, of no worth",
}
OUTCOMES = {
    "erased": "Erased",
    "crypto_erased": "Erased by destroying its key",
    "anonymised": "Anonymised",
    "beyond_use": "Beyond use until {}",
    "expires": "Expires on {}",
    "expired": "Ended as a whole",
    "retained": "Retained by law until {}",
    "not_held": "Nothing was held",
    "attested_by_processor": "Attested by its processor",
    "not_checked": "Not checked",
}
BASES = {
    "gdpr-17": "Erasure of a person's data, GDPR Article 17",
    "gdpr-28-3-g": "Deletion at the end of the service, GDPR Article 28(3)(g)",
    "ccpa-1798-105": "Deletion of a consumer's data, CCPA § 1798.105",
    "dpdp-12": "Erasure of a data principal's data, DPDP Act section 12",
    "synthetic": "None: a made-up person, erased to try the machine",
}
SCOPES = {"tenant": "A whole tenant", "person": "One person", "document": "One document"}


def moment(text: str) -> str:
    """An instant as people at the issuer's seat read it."""
    at = datetime.fromisoformat(text).astimezone(ZoneInfo(settings.DISPLAY_TIME_ZONE))
    return f"{at:%d %b %Y, %H:%M:%S %Z}"


def day(text: str) -> str:
    return f"{datetime.fromisoformat(text):%d %b %Y}"


def outcome(one: System) -> str:
    return OUTCOMES[one.outcome].format(day(one.until) if one.until else "")


def is_counted(one: System) -> bool:
    """False where figures would say nothing: what is beyond use, or on a processor's word, was not counted."""
    return one.outcome in COUNTED or one.manifest is not None


def codes(given: tuple[str, ...]) -> str:
    return ", ".join(one.replace("_", " ").replace("-", " ") for one in given) or "none"


def basis(core: Core) -> str:
    return BASES.get(core.erasure.legal_basis, core.erasure.legal_basis)


def lead(core: Core) -> str:
    """The one sentence that says what this paper is."""
    if core.type == "refusal":
        return "The erasure that was asked for is refused, for the reason stated. Nothing was touched."
    rows = core.erasure.systems
    done = sum(one.outcome in COUNTED for one in rows)
    apart = sum(one.outcome == "attested_by_processor" for one in rows)
    others = len(rows) - done - apart
    parts = [f"{done} of {len(rows)} systems of record were found by independent query to hold nothing any more"]
    if others:
        parts.append(f"{others} {'stands' if others == 1 else 'stand'} as the table says")
    if apart:
        parts.append(f"{apart} {'rests' if apart == 1 else 'rest'} on a processor's word")
    return "; ".join(parts) + "."
