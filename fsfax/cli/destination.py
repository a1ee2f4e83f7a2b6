"""``fsfax destination``: the history of a number, how it would be called next, and pins."""

from __future__ import annotations

import time

import click

from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show
from fsfax.cli.store import open_store
from fsfax.jobs import destination
from fsfax.values.plan import Mode

_SWITCHES = {"on": True, "off": False, "any": None}


@click.command()
@click.argument("number")
@click.option(
    "--t38", type=click.Choice(["off", "on", "required", "any"]), help="Pin the use of T.38."
)
@click.option("--ecm", type=click.Choice([*_SWITCHES]), help="Pin error correction.")
@click.option(
    "--v17", type=click.Choice([*_SWITCHES]), help="Pin V.17, the modems above 9,600 bit/s."
)
@click.option("--give-up/--no-give-up", default=None, help="Pin: no retry after a failure.")
@click.option("--clear", is_flag=True, help="Delete the history of calls; pins stay.")
@click.option("--clear-pins", is_flag=True, help="Delete the history and the pins.")
@options.as_json
@click.pass_obj
def command(
    common: Common,
    *,
    number: str,
    t38: str | None,
    ecm: str | None,
    v17: str | None,
    give_up: bool | None,
    clear: bool,
    clear_pins: bool,
    as_json: bool | None,
) -> int:
    """Show or set how a number is called, and why.

    T.38, error correction and V.17 are chosen from what worked in earlier calls. A pin overrides
    that until it is set to "any".
    """
    settings = common.load().settings
    pins: dict[str, object] = {}
    if t38:
        pins["t38"] = None if t38 == "any" else t38
    for name, word in (("ecm", ecm), ("v17", v17)):
        if word:
            pins[name] = _SWITCHES[word]
    if give_up is not None:
        pins["give_up"] = give_up

    def changed(history: destination.DestinationHistory) -> destination.DestinationHistory:
        if clear or clear_pins:
            history = destination.clear(history, pins=clear_pins)
        return destination.pin(history, **pins) if pins else history  # type: ignore[arg-type]

    show = Show(as_json)
    requested = Mode(t38=settings.fax.t38, ecm=settings.fax.ecm, v17=settings.fax.v17)
    half_life = settings.jobs.history_half_life * destination.DAY
    with open_store(settings) as store:
        asked = bool(pins or clear or clear_pins)
        history = store.teach(number, changed) if asked else store.destination(number)
    choice = destination.advise(history, requested, time.time(), half_life)
    if show.as_json:
        show.line(
            {
                "event": "destination",
                "number": history.number,
                "history": history.as_dict(),
                "mode": choice.mode.as_dict(),
                "why": list(choice.why),
            }
        )
        return exits.OK
    for line in destination.explain(history, requested, time.time(), half_life):
        show.words(line)
    return exits.OK
