from uuid import UUID, uuid4

import pytest

from polyscribe.domain.errors import Conflict, NotFound
from polyscribe.services import access, configurations
from polyscribe.services.app import App


@pytest.fixture
def owner(app: App) -> UUID:
    return access.create_account(app, "Acme")[0].id


def test_a_configuration_is_found_by_id_and_by_name(app: App, owner: UUID) -> None:
    made = configurations.create(app, owner, "plain", "sales", {"language": "en-US"})

    assert configurations.find(app, owner, "plain", made.id) == made
    assert configurations.find(app, owner, "plain", "sales") == made


def test_a_second_one_of_the_same_name_is_refused(app: App, owner: UUID) -> None:
    configurations.create(app, owner, "plain", "sales", {})

    with pytest.raises(Conflict):
        configurations.create(app, owner, "plain", "sales", {})


def test_any_number_may_be_without_a_name(app: App, owner: UUID) -> None:
    made = {configurations.create(app, owner, "plain", None, {}).id for _ in range(3)}

    assert len(made) == 3


def test_two_accounts_may_use_one_name_and_do_not_see_each_other(app: App, owner: UUID) -> None:
    other = access.create_account(app, "Zenith")[0].id
    mine = configurations.create(app, owner, "plain", "sales", {})
    configurations.create(app, other, "plain", "sales", {})

    with pytest.raises(NotFound):
        configurations.find(app, other, "plain", mine.id)


def test_replacing_keeps_the_id_and_the_day_of_birth(app: App, owner: UUID) -> None:
    made = configurations.create(app, owner, "plain", "sales", {"a": 1})
    app.now.forward(60)  # type: ignore[attr-defined]

    new = configurations.replace(app, owner, "plain", "sales", "support", {"b": 2})

    assert (new.id, new.created_at, dict(new.wire)) == (made.id, made.created_at, {"b": 2})
    assert new.updated_at > made.updated_at
    assert configurations.find(app, owner, "plain", "support") == new


def test_a_deleted_one_is_gone(app: App, owner: UUID) -> None:
    made = configurations.create(app, owner, "plain", None, {})

    configurations.delete(app, owner, "plain", made.id)

    with pytest.raises(NotFound):
        configurations.find(app, owner, "plain", made.id)


def test_pages_give_each_once_in_order(app: App, owner: UUID) -> None:
    made = []
    for _ in range(7):
        made.append(configurations.create(app, owner, "plain", None, {}).id)
        app.now.forward(0.001)  # type: ignore[attr-defined]

    first = configurations.page(app, owner, "plain", None, 4)
    second = configurations.page(app, owner, "plain", (first[-1].created_at, first[-1].id), 4)

    assert [each.id for each in first + second] == made


def test_what_does_not_exist_is_not_found(app: App, owner: UUID) -> None:
    with pytest.raises(NotFound):
        configurations.find(app, owner, "plain", uuid4())
