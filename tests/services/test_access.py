import pytest

from polyscribe.domain.errors import BadInput, Conflict, NotAuthenticated, NotFound
from polyscribe.services import access
from polyscribe.services.app import App

APIS = {"twilio", "bota", "trustpager", "voipbin", "openai"}


def test_an_account_comes_with_a_credential_for_every_api(app: App) -> None:
    _, issued = access.create_account(app, "Acme")

    assert {each.credential.api for each in issued} == APIS
    assert len({each.secret for each in issued}) == len(issued)


def test_its_auth_token_tells_who_is_asking(app: App) -> None:
    account, issued = access.create_account(app, "Acme")

    caller = access.by_pair(app, access.twilio_account_sid(account.id), issued[0].secret)

    assert caller.account == account


def test_an_api_key_tells_who_is_asking(app: App) -> None:
    account, issued = access.create_account(app, "Acme")
    key = next(each for each in issued if each.credential.kind == access.TWILIO_KEY)

    assert access.by_pair(app, key.credential.lookup, key.secret).account == account


def test_a_bearer_key_tells_who_is_asking_and_with_which_scopes(app: App) -> None:
    account, _ = access.create_account(app, "Acme")
    issued = access.create_key(app, "Acme", "trustpager", frozenset({"transcripts:read"}))

    caller = access.by_bearer(app, issued.secret)

    assert (caller.account, caller.credential.scopes) == (account, frozenset({"transcripts:read"}))


@pytest.mark.parametrize("secret", ["", "wrong", "0" * 32])
def test_a_wrong_secret_is_refused(app: App, secret: str) -> None:
    account, _ = access.create_account(app, "Acme")

    with pytest.raises(NotAuthenticated):
        access.by_pair(app, access.twilio_account_sid(account.id), secret)


def test_an_unknown_name_is_refused_like_a_wrong_secret(app: App) -> None:
    with pytest.raises(NotAuthenticated) as unknown:
        access.by_pair(app, "AC" + "0" * 32, "wrong")

    assert unknown.value.message == "Authenticate"


def test_the_secret_of_one_account_does_not_open_another(app: App) -> None:
    one, _ = access.create_account(app, "Acme")
    _, other_issued = access.create_account(app, "Zenith")

    with pytest.raises(NotAuthenticated):
        access.by_pair(app, access.twilio_account_sid(one.id), other_issued[0].secret)


def test_a_revoked_key_is_refused(app: App) -> None:
    access.create_account(app, "Acme")
    issued = access.create_key(app, "Acme", "bota", frozenset())

    access.revoke_key(app, issued.credential.id)

    with pytest.raises(NotAuthenticated):
        access.by_bearer(app, issued.secret)


def test_revoking_twice_is_refused(app: App) -> None:
    access.create_account(app, "Acme")
    issued = access.create_key(app, "Acme", "bota", frozenset())
    access.revoke_key(app, issued.credential.id)

    with pytest.raises(NotFound):
        access.revoke_key(app, issued.credential.id)


def test_two_accounts_of_one_name_are_refused(app: App) -> None:
    access.create_account(app, "Acme")

    with pytest.raises(Conflict):
        access.create_account(app, "Acme")


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_an_account_needs_a_name_of_reasonable_length(app: App, name: str) -> None:
    with pytest.raises(BadInput):
        access.create_account(app, name)


def test_a_key_for_an_unknown_account_or_api_is_refused(app: App) -> None:
    access.create_account(app, "Acme")

    with pytest.raises(NotFound):
        access.create_key(app, "Nobody", "bota", frozenset())
    with pytest.raises(BadInput):
        access.create_key(app, "Acme", "nothing", frozenset())


def test_the_signing_secret_can_be_had_again(app: App) -> None:
    account, issued = access.create_account(app, "Acme")

    assert access.signing_secret(app, account.id, access.TWILIO_TOKEN) == issued[0].secret


def test_no_secret_stands_in_the_database_as_it_is(app: App) -> None:
    _, issued = access.create_account(app, "Acme")

    stored = b"".join(path.read_bytes() for path in app.spool.parent.glob("polyscribe.db*"))

    assert all(each.secret.encode() not in stored for each in issued)
