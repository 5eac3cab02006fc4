from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from polyscribe.domain.errors import FetchFailed
from polyscribe.outbound import Allowed, Door, Limits

QUICK = Limits(quiet_s=5.0, pause_s=0.0, poll_s=0.05)


def resolving(**names: str | list[str]) -> Callable[..., list[tuple[Any, ...]]]:
    """A resolver that knows these names (`_` for a dot), numeric addresses, and nothing else."""
    known = {name.replace("_", "."): [to] if isinstance(to, str) else to for name, to in names.items()}

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for address in known.get(host, [host]):
            found += socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return found

    return resolve


# Reading the certificates of a machine takes longer than most of these tests.
_TLS = ssl.create_default_context()


def door_to(
    allowed: str,
    resolver: Callable[..., list[tuple[Any, ...]]] | None = None,
    limits: Limits = QUICK,
    tls: ssl.SSLContext = _TLS,
) -> Door:
    """A door that may reach `allowed`, by numeric addresses if no other resolver is given."""
    return Door(Allowed.parse(allowed), resolver or resolving(), limits, tls)


@pytest.fixture
def door() -> Door:
    """A door that lets us reach the stand-ins on this machine."""
    return door_to("127.0.0.0/8")


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "content"


@pytest.fixture
def refusal(into: Path) -> Callable[..., FetchFailed]:
    """Fetch something that fails: the failure, after a look that nothing was left behind."""

    def fetch(door: Door, url: str, **how: Any) -> FetchFailed:
        with pytest.raises(FetchFailed) as caught:
            door.fetch(url, into, **({"max_bytes": 1 << 20} | how))
        assert list(into.parent.iterdir()) == []
        return caught.value

    return fetch


@dataclass(frozen=True)
class Certificate:
    server: ssl.SSLContext
    trusting: ssl.SSLContext


@pytest.fixture
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """For media.example.test, signed by itself: what a server shows, and what a client that trusts it uses."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "media.example.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("media.example.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(private + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return Certificate(server, ssl.create_default_context(cadata=pem.decode()))
