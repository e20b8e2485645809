"""Forged tokens: signed with the forger's own key or, to test only the claims, with the pool's real key."""

import base64
import datetime
import hashlib
import hmac
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from moto.utilities.utils import load_resource

from tests.key_server import jwk

# The embedded pool signs with this key and publishes the public key.
POOL_KEY: rsa.RSAPrivateKey = jwt.PyJWK(load_resource("cognitoidp/resources/jwks-private.json")).key
THEIR_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
THEIR_CURVE = ec.generate_private_key(ec.SECP256R1())


def part(value: Any) -> bytes:
    """One part of a token, in base64: bytes as they are, anything else as JSON."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def with_rsa(signed: bytes, key: rsa.RSAPrivateKey) -> bytes:
    return key.sign(signed, padding.PKCS1v15(), hashes.SHA256())


@dataclass(frozen=True)
class Forge:
    """Makes tokens from a genuine one. `place` is the URL of the forger's own key set."""

    genuine: str
    place: str

    @cached_property
    def header(self) -> dict[str, Any]:
        return dict(jwt.get_unverified_header(self.genuine))

    @cached_property
    def claims(self) -> dict[str, Any]:
        return dict(jwt.decode(self.genuine, options={"verify_signature": False}))

    @property
    def segments(self) -> list[bytes]:
        return self.genuine.encode().split(b".")

    def pool(self, header: Any = None, claims: Any = None) -> bytes:
        """Signed with the pool's key."""
        head = part(self.header if header is None else header) + b"." + part(self.claims if claims is None else claims)
        return head + b"." + part(with_rsa(head, POOL_KEY))

    def claiming(self, **changed: Any) -> bytes:
        """Signed with the pool's key, with changed claims (None removes one)."""
        return self.pool(claims={name: each for name, each in {**self.claims, **changed}.items() if each is not None})

    def own(self, **header: Any) -> bytes:
        """Signed with the forger's key (RS256), with a changed header (None removes a field)."""
        head = part({name: each for name, each in {**self.header, **header}.items() if each is not None})
        signed = head + b"." + part(self.claims)
        return signed + b"." + part(with_rsa(signed, THEIR_KEY))

    def with_algorithm(self, algorithm: str, key: Any, **header: Any) -> bytes:
        headers = {**self.header, "alg": algorithm, **header}
        return jwt.encode(self.claims, key, algorithm=algorithm, headers=headers).encode()

    def unsigned(self, algorithm: Any, signature: bytes = b"") -> bytes:
        return part({**self.header, "alg": algorithm}) + b"." + part(self.claims) + b"." + signature

    def with_public_key_as_secret(self, secret: bytes, algorithm: str = "HS256") -> bytes:
        signed = part({**self.header, "alg": algorithm}) + b"." + part(self.claims)
        return signed + b"." + part(hmac.new(secret, signed, getattr(hashlib, f"sha{algorithm[2:]}")).digest())


def public_key_forms() -> dict[str, bytes]:
    """The pool's public key in every format that a verifier may use as a secret."""
    public = POOL_KEY.public_key()
    formats, encodings = serialization.PublicFormat, serialization.Encoding
    key = jwk(POOL_KEY, "dummy")
    pem = public.public_bytes(encodings.PEM, formats.SubjectPublicKeyInfo)
    return {
        "PEM": pem,
        "PEM without its last line's end": pem.rstrip(),
        "PKCS 1 PEM": public.public_bytes(encodings.PEM, formats.PKCS1),
        "DER": public.public_bytes(encodings.DER, formats.SubjectPublicKeyInfo),
        "PKCS 1 DER": public.public_bytes(encodings.DER, formats.PKCS1),
        "JWK": json.dumps(key).encode(),
        "modulus": key["n"].encode(),
        "nothing": b"",
    }


def own_certificate() -> str:
    """A self-signed certificate of the forger, in the format of x5c."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cognito-idp.us-east-1.amazonaws.com")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(THEIR_KEY.public_key())
        .serial_number(1)
        .not_valid_before(today)
        .not_valid_after(today + datetime.timedelta(days=1))
        .sign(THEIR_KEY, hashes.SHA256())
    )
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
