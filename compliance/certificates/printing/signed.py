"""The PDF of a certificate: A4, the record attached, one PAdES signature over all of it with a time stamp (B-T)."""

from io import BytesIO

from asn1crypto import keys as asn1_keys
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from bailiwick_proof.certificate import Certificate
from pyhanko.pdf_utils.embed import EmbeddedFileObject, FileSpec, embed_file
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf
from pyhanko_certvalidator.registry import SimpleCertificateStore
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import SimpleDocTemplate

from portal.jobs.errors import Transient

from .. import stamping
from ..keys import Pair
from .evidence import behind
from .fonts import LINE, QUIET
from .page import first

ROOM = 32_768  # bytes for signature, certificates and time stamp


def printed(document: Certificate, pair: Pair) -> bytes:
    """Return the signed PDF; Transient when the time-stamping authority does not answer."""
    writer = copy_into_new_writer(PdfFileReader(BytesIO(_pages(document))))
    data = EmbeddedFileObject.from_file_data(writer, document.encode(), compress=False, mime_type="application/json")
    name = f"certificate-{document.core.id}.json"
    embed_file(writer, FileSpec(file_spec_string=name, file_name=name, embedded_data=data))
    about = PdfSignatureMetadata(
        field_name="Issuer", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, location=None
    )
    out = BytesIO()
    try:
        sign_pdf(writer, about, _signer(pair), timestamper=stamping.stamper(), output=out, bytes_reserved=ROOM)
    except stamping.UNREACHABLE as error:
        raise Transient(f"The PDF was not signed: {type(error).__name__}") from error
    return out.getvalue()


def _signer(pair: Pair) -> SimpleSigner:
    certificate = asn1_x509.Certificate.load(pem.unarmor(pair.x509)[2])
    private = asn1_keys.PrivateKeyInfo.load(pem.unarmor(pair.pem)[2])
    nobody = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    return SimpleSigner(signing_cert=certificate, signing_key=private, cert_registry=nobody)


class Numbered(Canvas):  # type: ignore[misc]  # reportlab has no types
    """A canvas whose footer knows how many pages there are."""

    footer = ""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs | {"initialFontName": "Inter"})
        self._kept: list[dict[str, object]] = []

    def showPage(self) -> None:
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, state in enumerate(self._kept, 1):
            self.__dict__.update(state)
            self._foot(f"{number} / {len(self._kept)}")
            super().showPage()
        super().save()

    def _foot(self, pages: str) -> None:
        self.setStrokeColor(LINE)
        self.setLineWidth(0.35)
        self.line(18 * mm, 14 * mm, A4[0] - 18 * mm, 14 * mm)
        self.setFillColor(QUIET)
        self.setFont("Inter", 7)
        self.drawString(18 * mm, 10.2 * mm, self.footer)
        self.drawRightString(A4[0] - 18 * mm, 10.2 * mm, pages)


def _pages(document: Certificate) -> bytes:
    core, out = document.core, BytesIO()
    title = f"Certificate of erasure EC-{core.serial:06d}"
    footer = type("Footed", (Numbered,), {"footer": f"{title} · {core.id}"})
    margins = {"leftMargin": 18 * mm, "rightMargin": 18 * mm, "topMargin": 15 * mm, "bottomMargin": 18 * mm}
    pages = SimpleDocTemplate(
        out, pagesize=A4, title=title, author=core.issuer, subject="", creator="Bailiwick", lang="en", **margins
    )
    pages.build([*first(document), *behind(document)], canvasmaker=footer)
    return out.getvalue()
