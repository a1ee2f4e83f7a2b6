"""``fsfax notifications``: list, show and repeat deliveries."""

from __future__ import annotations

import json

from fsfax.cli import exits
from fsfax.notify.deliveries import Deliveries
from fsfax.notify.events import DeliveryChannel
from tests.cli.commands import Run, lines


class TestDeliveries:
    def test_listed_shown_and_repeated(
        self, run: Run, deliveries: Deliveries, account: str
    ) -> None:
        one, two, three, waiting = deliveries.claim(DeliveryChannel.WEBHOOK, 9)
        deliveries.delivered(one)
        deliveries.give_up(two, "HTTP response 400: \x1b[31mno")
        deliveries.give_up(three, "gone")
        deliveries.postpone(waiting, "not now", 1000)
        assert len(lines(run("notifications", "list"))) == 4
        dead = lines(run("notifications", "list", "--state", "dead", "--account", account))
        assert {row["id"] for row in dead} == {two.id, three.id}
        assert all("s3cret" not in json.dumps(row) for row in dead)
        table = run("notifications", "list", "--no-json").stdout
        assert "s3cret" not in table
        assert "\x1b" not in table
        (mine,) = lines(run("notifications", "list", "--job", one.job_id))
        assert (mine["id"], mine["state"]) == (one.id, "done")
        shown = run("notifications", "show", waiting.id, "--no-json").stdout
        assert "next try" in shown
        assert "1 tries; not now" in shown
        assert "s3cret" not in run("notifications", "show", waiting.id).stdout

        run("notifications", "repeat", waiting.id, two.id)
        assert "1 deliveries are repeated" in run("notifications", "repeat", "--dead").stdout
        assert {each.id for each in deliveries.claim(DeliveryChannel.WEBHOOK, 9)} == {
            two.id, three.id, waiting.id
        }  # fmt: skip
        run("notifications", "repeat", two.id, code=exits.JOB)  # it is under way

    def test_wrong_input(self, run: Run) -> None:
        run("notifications", "repeat", code=exits.USAGE)
        run("notifications", "repeat", "x", "--dead", code=exits.USAGE)
        run("notifications", "repeat", "x", code=exits.JOB)
        run("notifications", "show", "x", code=exits.JOB)
