"""Preferences of one fax: only those that are set are stored, and they replace the settings."""

from __future__ import annotations

import json

from fsfax.settings import FaxDefaults
from fsfax.values.preferences import SendPreferences

ALL = SendPreferences(
    t38="off",
    ecm=False,
    v17=False,
    resolution="superfine",
    ident="+49 30 1",
    header="To: you",
    timezone="Europe/Berlin",
)


def test_only_set_preferences_are_stored() -> None:
    assert SendPreferences().as_dict() == {}
    assert SendPreferences(ecm=False, ident="").as_dict() == {"ecm": False, "ident": ""}


def test_stored_preferences_are_read_again() -> None:
    for preferences in (SendPreferences(), SendPreferences(v17=True), ALL):
        stored = json.loads(json.dumps(preferences.as_dict()))
        assert SendPreferences.from_dict(stored | {"of_another_version": 1}) == preferences


def test_preferences_replace_the_settings() -> None:
    defaults = FaxDefaults(t38="on", ecm=True, resolution="fine", header="From: us")
    assert SendPreferences().over(defaults) == defaults
    changed = SendPreferences(ecm=False, resolution="standard").over(defaults)
    assert changed == FaxDefaults(t38="on", ecm=False, resolution="standard", header="From: us")
    assert defaults.ecm, "the settings themselves stay as they are"


def test_every_preference_is_one_of_the_settings() -> None:
    found = ALL.over(FaxDefaults())
    assert {name: getattr(found, name) for name in ALL.as_dict()} == ALL.as_dict()
    assert len(ALL.as_dict()) == len(SendPreferences.__dataclass_fields__)
