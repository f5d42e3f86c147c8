"""The erasure ledger, written: each entry names whom it is about by keyed digests, and chains to the one before it."""

from collections.abc import Mapping, Sequence

from bailiwick_proof.canonical import digest
from django.db import connection

from portal.access.actor import Actor
from portal.audit.actions import record

from . import pseudonyms
from .models import ErasureLedger, ErasureRequest, Kind, Word

GENESIS = "0" * 64


def begun(request: ErasureRequest, actor: Actor) -> ErasureLedger:
    """Before the first of it goes: from here on every restore erases it again."""
    parts = _parts(request)
    systems = [{"name": one.name, **parts.get(one.name, {})} for one in request.systems.all()]
    return _said(request, Word.BEGUN) or _enter(request, Word.BEGUN, systems, actor)


def concluded(request: ErasureRequest, actor: Actor) -> ErasureLedger:
    """It is certified: with what became of it in each system."""
    begun(request, actor)
    parts = _parts(request)
    systems = [
        {
            "name": one.name,
            "outcome": one.outcome,
            **({"kept": one.kept} if one.kept else {}),
            **parts.get(one.name, {}),
        }
        for one in request.systems.all()
    ]
    return _said(request, Word.CONCLUDED) or _enter(request, Word.CONCLUDED, systems, actor)


def called_off(request: ErasureRequest, actor: Actor) -> None:
    """It was cancelled after it was entered: a restore leaves the rest, and these figures say what it had removed."""
    if not _said(request, Word.BEGUN) or _said(request, Word.CALLED_OFF):
        return
    systems = [{"name": one.name, "gone": one.acknowledged or 0} for one in request.systems.all()]
    _enter(request, Word.CALLED_OFF, systems, actor)


def _parts(request: ErasureRequest) -> dict[str, dict[str, list[dict[str, str]]]]:
    """What a law keeps of single systems, and until when, by system: a restore leaves it, as the erasure does."""
    found: dict[str, dict[str, list[dict[str, str]]]] = {}
    for one in request.exemptions.exclude(part="").order_by("id"):
        kept = found.setdefault(one.system, {"kept_parts": []})
        kept["kept_parts"].append({"part": one.part, "until": str(one.until)})
    return found


def _said(request: ErasureRequest, word: Word) -> ErasureLedger | None:
    return ErasureLedger.objects.filter(request=request, word=word).first()


def _enter(request: ErasureRequest, word: Word, systems: Sequence[Mapping[str, object]], actor: Actor) -> ErasureLedger:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('erasure.ledger', 0))")
    key, tenant_id, last = request.key, request.tenant_id, ErasureLedger.objects.order_by("-id").first()
    whom = key.user_id if request.kind == Kind.PERSON else None
    row = ErasureLedger(
        request=request,
        word=word,
        tenant_id=tenant_id,
        kind=request.kind,
        is_synthetic=request.is_synthetic,
        subject="" if request.kind == Kind.DOCUMENT else pseudonyms.ledger_digest(request.kind, tenant_id, whom),
        documents=sorted(pseudonyms.ledger_digest(Kind.DOCUMENT, tenant_id, one) for one in key.document_ids),
        systems=list(systems),
    )
    row.digest = chained(row, last.digest if last else GENESIS)
    row.save(force_insert=True)
    record(
        "erasure.entered",
        request,
        actor=actor,
        data={"word": word, "digest": row.digest, "synthetic": row.is_synthetic},
    )
    return row


def chained(row: ErasureLedger, before: str) -> str:
    """The digest of one entry over itself and the one before it."""
    said = {
        "before": before,
        "request": str(row.request_id),
        "tenant": str(row.tenant_id),
        "kind": row.kind,
        "subject": row.subject,
        "documents": list(row.documents),
        "systems": row.systems,
        "erased_at": row.erased_at.isoformat(),
    }
    if row.word != Word.CONCLUDED:  # entries from when there was no other word have none
        said["word"] = str(row.word)
    if row.is_synthetic:
        said["synthetic"] = True
    return digest(said)
