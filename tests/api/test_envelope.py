"""The envelope around answers, and errors of fsfax as answers."""

from __future__ import annotations

from tests.api.application import Application


def test_pretty_print(application: Application) -> None:
    assert "\n" in application.client.get("/faxes/inbox?pretty_print=true").text
    assert "\n" not in application.client.get("/faxes/inbox").text
