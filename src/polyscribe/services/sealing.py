"""Secrets that must be recoverable, encrypted at rest; and hashes of those that need not be."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken

from polyscribe.domain.errors import StoreFailed


class Sealer:
    """Seals and opens with keys derived from `SECRET_KEY`, one key for each purpose."""

    def __init__(self, secret_key: str) -> None:
        self._root = secret_key.encode()
        self._fernet = Fernet(base64.urlsafe_b64encode(self._derived("seal")))

    def seal(self, secret: str) -> bytes:
        return self._fernet.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """Raises StoreFailed when it was sealed with another SECRET_KEY."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            raise StoreFailed(
                "A stored secret cannot be opened: SECRET_KEY is not the one it was sealed with."
            ) from error

    def signature(self, purpose: str, message: bytes) -> str:
        """Hexadecimal HMAC-SHA256 for our own page tokens and signed addresses."""
        return hmac.new(self._derived(purpose), message, hashlib.sha256).hexdigest()

    def _derived(self, purpose: str) -> bytes:
        return hmac.new(self._root, purpose.encode(), hashlib.sha256).digest()


def hashed(secret: str) -> bytes:
    """SHA-256; our keys carry 128 random bits or more, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).digest()
