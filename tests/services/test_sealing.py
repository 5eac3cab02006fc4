import pytest

from polyscribe.domain.errors import StoreFailed
from polyscribe.services.sealing import Sealer, hashed


def test_what_was_sealed_is_opened_again() -> None:
    sealer = Sealer("key")

    assert sealer.open(sealer.seal("a secret")) == "a secret"


def test_sealed_text_does_not_show_the_secret() -> None:
    assert b"a secret" not in Sealer("key").seal("a secret")


def test_another_key_does_not_open_it_and_says_so() -> None:
    sealed = Sealer("key").seal("a secret")

    with pytest.raises(StoreFailed, match="SECRET_KEY"):
        Sealer("another").open(sealed)


def test_signatures_of_two_purposes_differ() -> None:
    sealer = Sealer("key")

    assert sealer.signature("pages", b"x") != sealer.signature("media", b"x")


def test_hashes_differ_where_secrets_differ() -> None:
    assert hashed("a") != hashed("b")
