"""The engine: the public entry point of the library.

    import fsfax

    with fsfax.Engine(fsfax.Settings(nodes=[{"host": "pbx", "password": "..."}])) as engine:
        result = engine.send("letter.pdf", to="+353 1 555 0100", gateways=["carrier"])
        print(result.success, result.pages_sent, result.error_message)

A call blocks only the thread or greenlet that makes it; `fsfax.runtime.hub` says where the engine
itself runs. A document that cannot be faxed, a number that cannot be dialled and a FreeSWITCH
that cannot be reached raise exceptions, and nothing was dialled then. A call that was dialled
always ends with a result, also if its outcome cannot be proved (``Status.UNCERTAIN``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, Unpack

import gevent

from fsfax.document import Conversion, Converter
from fsfax.engine import marks
from fsfax.engine.admission import Admit
from fsfax.engine.adopt import Planned
from fsfax.engine.attempt import AdoptedAttempt, SendAttempt, SendOptions
from fsfax.engine.handles import ReceiveHandle, SendCall
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.observations import SUBSCRIPTIONS, Observation
from fsfax.engine.outbound_spool import OutboundSpool
from fsfax.engine.plan import call_ids, new_call_id
from fsfax.engine.receive import ReceiveContext, Receiver
from fsfax.engine.spool import Spool
from fsfax.engine.verdict import Fate
from fsfax.errors import Closed, EslError
from fsfax.esl.pool import Pool
from fsfax.runtime.hub import HubChoice, HubRunner
from fsfax.settings import CallTimeouts, Settings
from fsfax.values.numbers import dialable
from fsfax.values.results import TxResult

OnProgress = Callable[[Observation], None]


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """The state of one FreeSWITCH node.

    name: the node's name in the settings.
    state: "up", "draining" or "down".
    busy: calls of this process on the node.
    problem: why the node is down, "" while it is up.
    core: the Core-UUID of the FreeSWITCH that runs there, "" while it is down. Another value than
        before means that FreeSWITCH was restarted, and that no earlier call is up any more.
    dropped: events that slow readers lost since this process began.
    """

    name: str
    state: str
    busy: int
    problem: str
    core: str = ""
    dropped: int = 0


class Engine:
    """Sends and receives faxes over one or several FreeSWITCH nodes.

    Args:
        settings: everything that can be configured; file and environment are not read (see
            `fsfax.load_settings` for that).
        hub: "current" runs in the calling thread's gevent hub, "own" in a thread of the
            engine's; "auto" takes "current" in a monkey-patched program.
    """

    def __init__(self, settings: Settings | None = None, *, hub: HubChoice = "auto") -> None:
        self.settings = settings or Settings()
        self._hub = HubRunner(hub)
        self._closed = False
        self._receive_handles: list[ReceiveHandle] = []
        self._calls: dict[SendCall, gevent.Greenlet[..., None]] = {}
        self._converter = Converter(self.settings.document)
        self._outbound_spool = OutboundSpool(self.settings.spool, self._converter)
        self._pool = self._hub.run(self._start)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_up(self, timeout: float = 10.0) -> None:
        """Wait until at least one FreeSWITCH is up. `send` and `start` do so by themselves.

        Raises:
            EslError: no FreeSWITCH came up within ``timeout`` seconds; the message says why.
        """
        self._hub.run(self._pool.wait_up, timeout)

    def send(
        self,
        document: str | os.PathLike[str],
        to: str,
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[SendOptions],
    ) -> TxResult:
        """Send a document to a number; wait for the end of the call and return its result.

        ``on_progress`` is called in the calling thread or greenlet with each observation.
        If the wait is interrupted (KeyboardInterrupt, GreenletExit, a gevent.Timeout) the call
        is cancelled.

        Raises:
            DocumentError: the document cannot be faxed as it is.
            InvalidRequest: number, ident, pages or a name cannot be dialled or sent.
            SpoolError: FreeSWITCH does not see the file.
            NoCapacity, NoNode, EslError: no FreeSWITCH can take the call.
            AlreadyDialled: ``attempt_id`` was used before; nothing was dialled now.
            NotDialled: ``may_dial`` returned False.
        """
        call = self.start(document, to, **options)
        try:
            for observation in call.progress():
                if on_progress:
                    on_progress(observation)
        except BaseException:
            call.cancel()
            raise
        return call.result()

    def start(
        self, document: str | os.PathLike[str], to: str, **options: Unpack[SendOptions]
    ) -> SendCall:
        """Begin to send a document; return the call at once.

        Raises:
            InvalidNumber: the number cannot be dialled.
            Closed: the engine is closed.
        """
        self._require_open()
        number = dialable(to)
        call = SendCall(self._hub, options.get("attempt_id") or new_call_id())
        attempt = SendAttempt(
            call,
            Path(document),
            number,
            options,
            settings=self.settings,
            pool=self._pool,
            spool=self._outbound_spool,
        )
        self._hub.run(self._spawn, call, attempt.run)
        return call

    def adopt(
        self,
        attempt_id: str,
        *,
        node: str,
        core: str,
        gateways: Sequence[str],
        first_page: int,
        last_page: int,
        started_at: float,
        t38: Literal["off", "on", "required"] = "on",
        timeouts: CallTimeouts | None = None,
        keep_marks: bool = False,
        wait: float = 0.0,
    ) -> SendCall:
        """Take up an attempt that another process planned, however far that process got.

        If its call is up, it is followed to its end, with watchdogs and `SendCall.cancel`. If
        FreeSWITCH recorded how it ended, that is the result. From now on no process can begin to
        dial this attempt. ``Status.UNCERTAIN`` in the result means that nothing can be proved.

        Args:
            attempt_id: the attempt's id.
            node: the node on which it was to be dialled.
            core: that node's `NodeStatus.core` when the attempt was planned.
            gateways: of its plan, in that order.
            first_page, last_page: of its plan, from 1.
            started_at: when it was planned, seconds since 1970.
            t38: of its plan.
            timeouts: the watchdogs from now on; the settings' by default.
            keep_marks: see `SendOptions`.
            wait: seconds to wait for the node if it is down.

        `SendCall.result` raises:
            NotDialled: it was never dialled, and never will be.
            EslError: the node cannot be asked; nothing was found out.

        Raises:
            InvalidRequest: there is no node of that name.
            Closed: the engine is closed.
        """
        self._require_open()
        planned = Planned(
            attempt_id=attempt_id,
            core=core,
            gateways=tuple(gateways),
            first_page=first_page,
            last_page=last_page,
            started_at=started_at,
            t38=t38,
            timeouts=timeouts or self.settings.timeouts,
            realm=self.settings.marks_realm,
        )
        call = SendCall(self._hub, attempt_id)
        attempt = AdoptedAttempt(
            call,
            self._pool.node(node),
            planned,
            pool=self._pool,
            spool=self._outbound_spool,
            keep_marks=keep_marks,
            wait=wait,
        )
        self._hub.run(self._spawn, call, attempt.run)
        return call

    def convert(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        resolution: Literal["standard", "fine", "superfine"] | None = None,
    ) -> Conversion:
        """Convert a document to TIFF-F, as `send` would, without sending it.

        The file can be sent later with the option ``as_is``, any number of times.

        Raises:
            DocumentError: it cannot be faxed as it is.
            InvalidRequest: there is no such resolution.
            Closed: the engine is closed.
        """
        self._require_open()
        return self._converter.convert(
            Path(source), Path(target), resolution=resolution or self.settings.fax.resolution
        )

    def receive(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        on_progress: Callable[[str, Observation], None] | None = None,
        admit: Admit | None = None,
    ) -> ReceiveHandle:
        """Begin to receive: calls that run rxfax, and parked calls that the dialplan hands over.

        Each fax is stored in ``folder`` (by default the settings' inbox) before it is reported.
        Faxes that came while no engine listened are found and reported first.

        ``admit`` is called with the caller's and the called number and decides whether a call is
        accepted. It is called in a greenlet of the engine's hub, one for each call, and may wait
        there. If it fails, the call is accepted. For a fax that came while no engine listened it
        is called when the fax is found, if the dialplan recorded the caller.

        Raises:
            Closed: the engine is closed.
        """
        self._require_open()
        handle = ReceiveHandle(self._hub, on_progress)
        self._receive_handles.append(handle)
        self._hub.run(self._listen, handle, Path(folder or self.settings.inbox), admit)
        return handle

    def fate(self, attempt_id: str, *, gateways: int = 1) -> Fate:
        """Ask every FreeSWITCH what became of an attempt.

        ``gateways`` is the number of gateways in its plan. ``UNKNOWN`` means that no node has a
        trace of it.

        Raises:
            EslError: a node could not be asked, and no other one knew.
        """
        return self._hub.run(self._ask_fate, call_ids(attempt_id, gateways))

    def forget(self, attempt_id: str, *, gateways: int = 1) -> None:
        """Erase the outcome marks of an attempt whose result the caller has stored.

        The guard of an id that was never dialled stays, in case another process still tries.

        Raises:
            EslError: a node could not be asked.
        """
        self._hub.run(self._erase_marks, call_ids(attempt_id, gateways))

    def sweep(self, keep: Collection[str] = (), *, older_than: float = 3600.0) -> list[str]:
        """Remove files that killed processes left in the spool; return those attempts' ids.

        A file stays if its attempt is in ``keep``, is under way in this engine, or was put there
        less than ``older_than`` seconds ago. ``keep`` has to name every attempt that may still
        be up: FreeSWITCH reads its file to the end of the call.

        Raises:
            SpoolError: the spool cannot be read.
        """
        return self._hub.run(self._sweep, frozenset(keep), older_than)

    def nodes(self) -> tuple[NodeStatus, ...]:
        """Return the state of every FreeSWITCH."""
        return tuple(
            NodeStatus(
                node.name,
                str(node.state),
                node.busy,
                str(node.link.problem or ""),
                node.link.core,
                node.link.stats.dropped,
            )
            for node in self._pool.nodes
        )

    def drain(self, node: str) -> None:
        """Give no more calls to a node; those under way go on."""
        self._hub.run(self._pool.drain, node)

    def undrain(self, node: str) -> None:
        """Give calls to a drained node again."""
        self._hub.run(self._pool.undrain, node)

    def close(self, wait: float = 0.0) -> None:
        """Close the engine: calls under way get ``wait`` seconds and are cancelled then."""
        if self._closed:
            return
        self._closed = True
        for handle in self._receive_handles:
            handle.close(wait)
        self._hub.run(self._stop, wait)
        self._converter.close()
        self._hub.close()

    def _require_open(self) -> None:
        if self._closed:
            raise Closed("the engine is closed")

    # --- in the hub -----------------------------------------------------------------------

    def _start(self) -> Pool:
        pool = Pool(self.settings.nodes, self.settings.esl, SUBSCRIPTIONS)
        pool.start()
        return pool

    def _stop(self, wait: float) -> None:
        greenlets = list(self._calls.values())
        gevent.joinall(greenlets, timeout=wait)
        for call in list(self._calls):
            call.cancel()
        gevent.joinall(greenlets, timeout=self.settings.timeouts.linger)
        self._pool.close()

    def _spawn(self, call: SendCall, run: Callable[[], None]) -> None:
        greenlet = gevent.spawn(run)
        self._calls[call] = call.greenlet = greenlet
        greenlet.link(lambda _: self._calls.pop(call, None))

    def _listen(self, handle: ReceiveHandle, inbox: Path, admit: Admit | None) -> None:
        settings = self.settings
        folder = settings.spool.absolute() / "in"
        folder.mkdir(parents=True, exist_ok=True)
        context = ReceiveContext(
            inbox=InboundSpool(inbox.absolute()),
            folder=folder,
            timeouts=settings.timeouts,
            defaults=settings.fax,
            realm=settings.marks_realm,
            ask_fate=lambda call_id: self._ask_fate([call_id]),
            ask_numbers=self._ask_numbers,
            on_fax=handle.put,
            on_progress=lambda call_id, seen: handle.put((call_id, seen)),
            admit=admit,
        )
        for node in self._pool.nodes:
            handle.receivers.append(
                Receiver(node.link, node.name, Spool(node.settings.spool), context)
            )

    def _ask_fate(self, ids: Sequence[str]) -> Fate:
        """Ask every node about every call: up outranks a fax result, and that outranks ended."""
        found: set[Fate] = set()
        problem: EslError | None = None
        for node in self._pool.nodes:
            try:
                found.update(marks.fate(node.link, self.settings.marks_realm, id) for id in ids)
            except EslError as error:
                problem = error
        for fate in (Fate.UP, Fate.SUCCEEDED, Fate.FAILED):
            if fate in found:
                return fate
        if problem:
            raise problem
        return Fate.ENDED if Fate.ENDED in found else Fate.UNKNOWN

    def _ask_numbers(self, call_id: str) -> tuple[str, str]:
        """Ask every node for a call's caller and called number; both "" if none recorded them."""
        problem: EslError | None = None
        for node in self._pool.nodes:
            try:
                found = marks.numbers(node.link, self.settings.marks_realm, call_id)
            except EslError as error:
                problem = error
                continue
            if any(found):
                return found
        if problem:
            raise problem  # the node that cannot be asked may have recorded them
        return "", ""

    def _sweep(self, keep: frozenset[str], older_than: float) -> list[str]:
        # A call that begins while the folder is read has a young file.
        return self._outbound_spool.sweep(keep | {call.id for call in self._calls}, older_than)

    def _erase_marks(self, ids: Sequence[str]) -> None:
        for node in self._pool.nodes:
            for id in ids:
                marks.erase(node.link, self.settings.marks_realm, id)
