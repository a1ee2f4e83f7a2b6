"""Sections about calls: nodes, gateways, timeouts, defaults of a fax."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fsfax.settings import CallTimeouts, FaxDefaults, GatewaySettings, NodeSettings


def test_a_node_of_plain_values() -> None:
    node = NodeSettings(
        host="pbx",
        password="hush-hush",
        gateways=[{"name": "carrier", "capacity": 2}],
        spool=[{"local": "/srv/fax", "remote": "/mnt/fax"}],
    )
    assert node.gateways == (GatewaySettings(name="carrier", capacity=2),)
    assert (node.spool[0].local, node.spool[0].remote) == (Path("/srv/fax"), "/mnt/fax")
    assert "hush-hush" not in repr(node)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"capacity": -1}, "capacity"),
        ({"gateways": [{"name": ""}]}, r"gateways\.0\.name"),
        ({"gateways": [{}]}, r"gateways\.0\.name"),
        ({"spool": [{"local": "/srv"}]}, r"spool\.0\.remote"),
        ({"adress": "pbx"}, "adress"),
    ],
)
def test_a_node_that_is_refused(values: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        NodeSettings.model_validate(values)


def test_the_negotiation_outlasts_t1() -> None:
    """SpanDSP gives up by itself 60 s after the answer (T.30, T1): that result is to be seen."""
    assert CallTimeouts().negotiation > 60


def test_an_identification_has_at_most_20_characters() -> None:
    """T.30, 5.3.6.2.4: TSI, CIG and CSI."""
    assert FaxDefaults(ident="1" * 20).ident == "1" * 20
    with pytest.raises(ValidationError, match="ident"):
        FaxDefaults(ident="1" * 21)


@pytest.mark.parametrize(("name", "value"), [("t38", "maybe"), ("resolution", "coarse")])
def test_a_choice_that_does_not_exist(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        FaxDefaults.model_validate({name: value})
