"""The stores that the API's resources use: faxes and faxboxes of an account."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.api.envelope import ApiError
from fsfax.db.states import Direction
from tests.api.application import Application


@pytest.fixture(scope="module")
def id(application: Application, letter: Path) -> str:
    return str(application.send(letter, "15550123")["id"])


def test_a_fax_of_the_account(application: Application, id: str) -> None:
    services = application.services
    assert services.job(application.account, id, Direction.OUT).id == id
    assert services.job(application.account, id[7:], Direction.OUT).id == id, "without its month"


@pytest.mark.parametrize(
    ("account", "direction", "faxbox", "final"),
    [
        ("0" * 32, Direction.OUT, None, False),
        (None, Direction.IN, None, False),
        (None, Direction.OUT, "0" * 32, False),
        (None, Direction.OUT, None, True),
    ],
)
def test_any_other_fax_is_not_found(
    application: Application,
    id: str,
    account: str | None,
    direction: Direction,
    faxbox: str | None,
    final: bool,
) -> None:
    with pytest.raises(ApiError) as caught:
        application.services.job(account or application.account, id, direction, faxbox, final=final)
    assert caught.value.data == {"cause": id, "message": "bad identifier"}


def test_a_cancelled_fax_is_final(application: Application, letter: Path) -> None:
    id = application.send(letter, "15550123")["id"]
    application.store.cancel(id)
    services = application.services
    job = services.job(application.account, id, Direction.OUT, final=True)
    assert services.live_text(job) is None


def test_faxboxes(application: Application) -> None:
    box = application.faxboxes.create(application.account, {"name": "ward"})
    services = application.services
    assert services.faxbox(application.account, None) is None
    assert services.faxbox(application.account, box.id) == box
    for account, id in ((application.account, "0" * 32), ("0" * 32, box.id)):
        with pytest.raises(ApiError, match="404"):
            services.faxbox(account, id)
