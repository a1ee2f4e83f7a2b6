"""Pytest fixtures for programs that embed fsfax: a stand-in FreeSWITCH in the test process.

Installing fsfax registers them with pytest; nothing has to be imported. The far end is the
stand-in softswitch, whose calls run on SpanDSP's real T.30 and T.38 engine:

    import fsfax

    def test_an_order_is_faxed(fsfax_softswitch, fsfax_sample_tiff):
        node = fsfax_softswitch.node_settings()
        settings = fsfax.Settings(nodes=(node,), spool=fsfax_softswitch.root)
        with fsfax.Engine(settings) as engine:
            result = engine.send(fsfax_sample_tiff, to="+1 555 0100")
        assert result.success
        [call] = fsfax_softswitch.calls
        assert call.pages == 3

    def test_a_busy_number(fsfax_softswitch):
        number = fsfax_softswitch.number("busy")     # or drop_in_page_2, voice, linger …

    def test_on_a_slow_line(fsfax_softswitch_factory):
        switch = fsfax_softswitch_factory(speed=50)  # 50 times line time instead of no pacing

The switch needs no monkey-patching. In a plain threaded program it runs in a thread of its
own, and its methods may be called from any thread; in a program that gevent has monkey-patched
it runs in the test's hub. `fsfax softswitch` runs one in a process of its own.

Every answered call needs Debian's ``libspandsp2``; without it the switch starts, refused calls
(busy, no answer, …) work, and an answered fax call ends with NORMAL_TEMPORARY_FAILURE.

Every pytest run in an environment with fsfax loads this module, so it imports pytest and little
else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import pytest

if TYPE_CHECKING:
    from fsfax.settings import NodeSettings
    from fsfax.softswitch import CallRecord

__all__ = ["LiveSoftswitch", "SoftswitchFactory", "sample_tiff"]

_FINE = (204.0, 196.0)
_WIDTH, _HEIGHT = 1728, 2200


class LiveSoftswitch:
    """A running `fsfax.softswitch.Softswitch` that any thread may use.

    It has the same arguments: ``port``, ``password``, ``speed`` (1 = line time, N = N times
    faster, 0 = as fast as the machine can), ``root`` (the folder of received faxes), ``gateways``.

    Raises:
        SoftswitchError: the port is in use, the folder cannot be created, an argument is wrong.
    """

    def __init__(self, **options: Any) -> None:
        from fsfax.runtime.hub import HubRunner  # noqa: PLC0415  # see the module's docstring
        from fsfax.softswitch import Softswitch  # noqa: PLC0415

        self._hub = HubRunner("auto")
        self._stopped = False
        try:
            self._switch = self._hub.run(Softswitch, **options)
            self._hub.run(self._switch.start)
        except BaseException:
            self._hub.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End all calls, close the event socket and the thread. Has no effect when repeated."""
        if not self._stopped:
            self._stopped = True
            self._hub.run(self._switch.stop)
            self._hub.close()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the event socket."""
        node = self.node_settings()
        return node.host, node.port

    @property
    def root(self) -> Path:
        """The folder whose ``in`` has the received faxes; usable as a spool, too."""
        return self._switch.root

    @property
    def calls(self) -> list[CallRecord]:
        """The call log, oldest first."""
        return list(self._switch.calls)

    def node_settings(self) -> NodeSettings:
        """Return the settings of a node that is this switch."""
        return self._hub.run(self._switch.node_settings)

    def number(self, name: str) -> str:
        """Return the number with that behaviour; `fsfax softswitch --numbers` lists the names.

        Raises:
            KeyError: there is no number of that name.
        """
        from fsfax.softswitch import number_of  # noqa: PLC0415

        return number_of(name)

    def call_in(self, number: str, tiff: Path | str, **caller: str) -> CallRecord:
        """Start a call of an outside fax machine that dials ``number`` and sends ``tiff``.

        Returns at once; the record's ``ended`` is set when the call is over (see `wait_idle`).
        ``caller`` may have ``caller_number``, ``caller_name`` and ``ident``, with any characters.
        """
        return self._hub.run(self._switch.call_in, number, tiff, **caller)

    def wait_idle(self, timeout: float = 30.0) -> None:
        """Wait until no channel is up.

        Raises:
            SoftswitchError: channels are still up after ``timeout`` seconds.
        """
        self._hub.run(self._switch.wait_idle, timeout)

    def drop_connections(self) -> None:
        """Close every event socket connection without a notice; calls go on."""
        self._hub.run(self._switch.drop_connections)

    def stall(self, seconds: float) -> None:
        """Stop sending on the event socket for a while; calls go on."""
        self._hub.run(self._switch.stall, seconds)

    def lose_events(self, count: int) -> None:
        """Drop the next ``count`` events instead of sending them."""
        self._hub.run(self._switch.lose_events, count)

    def restart(self) -> None:
        """Simulate a crash and restart of FreeSWITCH; the port stays the same."""
        self._hub.run(self._switch.restart)

    def api(self, command: str, arg: str = "") -> str:
        """Run an API command as ``fs_cli`` would and return its output."""
        return self._hub.run(self._switch.api, command, arg)


class SoftswitchFactory(Protocol):
    """The type of the fixture `fsfax_softswitch_factory`."""

    def __call__(self, **options: Any) -> LiveSoftswitch:
        """Return a running softswitch; see `LiveSoftswitch` for the options."""
        ...  # the protocol's body


def sample_tiff(path: Path | str, pages: int = 3) -> Path:
    """Write a TIFF-F of text pages, 1728 dots wide, fine resolution, T.6; return its path.

    The same arguments give the same bytes.
    """
    import numpy as np  # noqa: PLC0415  # see the module's docstring
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415

    from fsfax.document import ccitt, tiff_f  # noqa: PLC0415

    title, font = ImageFont.load_default(72), ImageFont.load_default(34)
    strips = []
    for number in range(1, pages + 1):
        image = Image.new("1", (_WIDTH, _HEIGHT), 0)
        pen = ImageDraw.Draw(image)
        pen.fontmode = "1"
        pen.text((160, 150), f"Sample, page {number} of {pages}", fill=1, font=title)
        for line in range(30):
            text = f"{number}.{line + 1}  The quick brown fox jumps over the lazy dog, and again."
            pen.text((160, 300 + 58 * line), text, fill=1, font=font)
        pen.rectangle((100, 100, _WIDTH - 100, _HEIGHT - 100), outline=1, width=3)
        bits = np.frombuffer(image.tobytes(), np.uint8).reshape(_HEIGHT, -1)
        strip = ccitt.encode(bits, _WIDTH, "mmr")
        strips.append(tiff_f.FaxPage(_WIDTH, _HEIGHT, strip, "mmr", *_FINE))
    target = Path(path)
    target.write_bytes(tiff_f.write(strips))
    return target


@pytest.fixture
def fsfax_softswitch(fsfax_softswitch_factory: SoftswitchFactory) -> LiveSoftswitch:
    """Return a softswitch for this test, as fast as the machine can."""
    return fsfax_softswitch_factory()


@pytest.fixture
def fsfax_softswitch_factory() -> Iterator[SoftswitchFactory]:
    """Return a function that starts softswitches with options; all stop after the test."""
    yield from _factory()


@pytest.fixture(scope="session")
def fsfax_softswitch_session() -> Iterator[SoftswitchFactory]:
    """Return the same factory for session scope; its softswitches stop after the test run."""
    yield from _factory()


@pytest.fixture(scope="session")
def fsfax_sample_tiff(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a TIFF-F with three pages of text; do not write to it."""
    return sample_tiff(tmp_path_factory.mktemp("fsfax") / "sample.tif")


def _factory() -> Iterator[SoftswitchFactory]:
    with ExitStack() as stack:

        def make(**options: Any) -> LiveSoftswitch:
            return stack.enter_context(LiveSoftswitch(**options))

        yield make
