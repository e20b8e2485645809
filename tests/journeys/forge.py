"""Whoever forges tokens: with a key of their own, and (to test claims alone) with the pool's real one."""

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

# The embedded pool signs with this key, and publishes its public half.
POOL_KEY: rsa.RSAPrivateKey = jwt.PyJWK(load_resource("cognitoidp/resources/jwks-private.json")).key
THEIR_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
THEIR_CURVE = ec.generate_private_key(ec.SECP256R1())


def part(value: Any) -> bytes:
    """A token's part: bytes as they are, anything else as JSON, in base 64."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def with_rsa(signed: bytes, key: rsa.RSAPrivateKey) -> bytes:
    return key.sign(signed, padding.PKCS1v15(), hashes.SHA256())


@dataclass(frozen=True)
class Forge:
    """Makes tokens from a genuine one. `place` is a URL where the forger's own keys stand."""

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
        """Signed by the pool's key, whatever it says."""
        head = part(self.header if header is None else header) + b"." + part(self.claims if claims is None else claims)
        return head + b"." + part(with_rsa(head, POOL_KEY))

    def claiming(self, **changed: Any) -> bytes:
        """Signed by the pool's key, with claims changed (None takes one away)."""
        return self.pool(claims={name: each for name, each in {**self.claims, **changed}.items() if each is not None})

    def own(self, **header: Any) -> bytes:
        """Signed by the forger's key (RS256), with that said in the header."""
        head = part({name: each for name, each in {**self.header, **header}.items() if each is not None})
        signed = head + b"." + part(self.claims)
        return signed + b"." + part(with_rsa(signed, THEIR_KEY))

    def with_algorithm(self, algorithm: str, key: Any, **header: Any) -> bytes:
        said = {**self.header, "alg": algorithm, **header}
        return jwt.encode(self.claims, key, algorithm=algorithm, headers=said).encode()

    def unsigned(self, algorithm: Any, signature: bytes = b"") -> bytes:
        return part({**self.header, "alg": algorithm}) + b"." + part(self.claims) + b"." + signature

    def with_public_key_as_secret(self, secret: bytes, algorithm: str = "HS256") -> bytes:
        signed = part({**self.header, "alg": algorithm}) + b"." + part(self.claims)
        return signed + b"." + part(hmac.new(secret, signed, getattr(hashlib, f"sha{algorithm[2:]}")).digest())


def public_key_forms() -> dict[str, bytes]:
    """The pool's public key, in every form that a verifier may hold it in."""
    public = POOL_KEY.public_key()
    shapes, coding = serialization.PublicFormat, serialization.Encoding
    shown = jwk(POOL_KEY, "dummy")
    pem = public.public_bytes(coding.PEM, shapes.SubjectPublicKeyInfo)
    return {
        "PEM": pem,
        "PEM without its last line's end": pem.rstrip(),
        "PKCS 1 PEM": public.public_bytes(coding.PEM, shapes.PKCS1),
        "DER": public.public_bytes(coding.DER, shapes.SubjectPublicKeyInfo),
        "PKCS 1 DER": public.public_bytes(coding.DER, shapes.PKCS1),
        "JWK": json.dumps(shown).encode(),
        "modulus": shown["n"].encode(),
        "nothing": b"",
    }


def own_certificate() -> str:
    """A certificate that the forger has signed for themselves, as x5c holds one."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cognito-idp.us-east-1.amazonaws.com")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(THEIR_KEY.public_key())
        .serial_number(1)
        .not_valid_before(today)
        .not_valid_after(today + datetime.timedelta(days=1))
        .sign(THEIR_KEY, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()
