"""Self-signed X.509 certificates. Trust in them comes from the trust file that names their digests."""

import hashlib
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from portal.lib.clock import now

SKEW = timedelta(minutes=5)  # an authority whose clock is behind ours must not stamp before the term


def self_signed(
    private: EllipticCurvePrivateKey | RSAPrivateKey, name: str, life: timedelta, *, stamps: bool = False
) -> x509.Certificate:
    """A certificate of this key from now on; one that `stamps` is for time stamps and nothing else."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    begin = now().replace(microsecond=0) - SKEW
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
    )
    if stamps:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return made.sign(private, hashes.SHA256())


def _usage() -> x509.KeyUsage:
    nothing = ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
    more = dict.fromkeys((*nothing, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=True, content_commitment=True, **more)


def fingerprint(pem: bytes | str) -> str:
    """SHA-256 of the DER, hex: how a trust file names a certificate."""
    data = pem.encode() if isinstance(pem, str) else pem
    return hashlib.sha256(x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER)).hexdigest()
