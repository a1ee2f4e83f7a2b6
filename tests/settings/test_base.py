"""Sections, durations, and the limits of outbound HTTP requests."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from fsfax.settings import Seconds, Section, WebLimits


class Example(Section):
    pause: Seconds = 1.0


@pytest.mark.parametrize("seconds", [0.001, 1, "2.5", 7 * 24 * 3600])
def test_durations(seconds: float) -> None:
    assert Example(pause=seconds).pause == float(seconds)


@pytest.mark.parametrize("seconds", [0, -1, 7 * 24 * 3600 + 1, "soon", float("nan"), None])
def test_durations_that_are_refused(seconds: float) -> None:
    with pytest.raises(ValidationError, match="pause"):
        Example(pause=seconds)


def test_an_error_does_not_show_the_input() -> None:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate({"pause": "hush-hush", "paus": "hush-hush"})
    assert "hush-hush" not in str(caught.value)
    assert caught.value.error_count() == 2


def test_networks_are_parsed() -> None:
    limits = WebLimits.model_validate({"allow_networks": ["10.1.2.0/24", "fd00::/8"]})
    assert limits.allow_networks == (ip_network("10.1.2.0/24"), ip_network("fd00::/8"))
    assert not limits.allow_private


@pytest.mark.parametrize("network", ["10.1.2.0/33", "10.1.2.3/24", "example.org"])
def test_networks_that_are_refused(network: str) -> None:
    with pytest.raises(ValidationError, match="allow_networks"):
        WebLimits.model_validate({"allow_networks": [network]})


@pytest.mark.parametrize("agent", ["", "a\r\nX: y", " a", "a ", "ü", "a" * 201])
def test_a_user_agent_that_is_no_header_value(agent: str) -> None:
    with pytest.raises(ValidationError, match="user_agent"):
        WebLimits(user_agent=agent)
