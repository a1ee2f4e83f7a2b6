"""The engine: what an embedding program holds in its hand.

    import fsfax

    with fsfax.Engine(fsfax.Settings(nodes=[{"host": "pbx", "password": "..."}])) as engine:
        result = engine.send("letter.pdf", to="+353 1 555 0100", gateways=["carrier"])
        print(result.success, result.pages_sent, result.error_message)

Calls block the calling thread or greenlet alone; see `fsfax.runtime.hub` for where the engine
itself runs. A document that cannot be faxed, a number that cannot be dialled and a FreeSWITCH
that cannot be reached are exceptions, and nothing was dialled then. A call that was dialled
always ends in a result, also when the result is that nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypedDict, Unpack

import gevent

from fsfax.document import Conversion, Converter
from fsfax.engine import marks
from fsfax.engine.admission import Admit
from fsfax.engine.adopt import Adoption, Planned
from fsfax.engine.handles import ReceiveHandle, SendCall
from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.observations import SUBSCRIPTIONS, Dialling, Observation, Prepared
from fsfax.engine.outbound_spool import OutboundSpool
from fsfax.engine.plan import SendPlan, call_ids, new_call_id
from fsfax.engine.receive import Receiver
from fsfax.engine.spool import Spool
from fsfax.engine.transmit import Transmission
from fsfax.engine.verdict import Fate
from fsfax.errors import AlreadyDialled, Closed, EslError, FsfaxError, NoCapacity
from fsfax.esl.pool import Node, Pool, Reservation
from fsfax.log import get_logger
from fsfax.runtime.hub import HubChoice, HubRunner
from fsfax.settings import CallTimeouts, Settings
from fsfax.values.numbers import dialable
from fsfax.values.results import Status, TxResult

_log = get_logger(__name__)

OnProgress = Callable[[Observation], None]


class SendOptions(TypedDict, total=False):
    """How a fax is sent; what is left out comes from the settings.

    from_number, from_name: the caller id. ident, header, timezone, t38, ecm, v17: see
    `SendPlan`. resolution: of the conversion. as_is: do not convert; the document is a TIFF-F
    that `Engine.convert` made. start_page, end_page: the part to be sent, from 1.
    gateways: tried in order. node: only this one. timeouts: the call's watchdogs.
    attempt_id: a UUID chosen beforehand, by which the attempt can be asked about later.
    wait: seconds to wait for a free line; 0 = fail at once with NoCapacity.
    keep_marks: leave FreeSWITCH's outcome marks until `Engine.forget`, because the result has
    to be stored safely first.
    may_dial: asked in the engine's home right before each originate, after the guard mark was
    put (see `fsfax.engine.marks`); False: nothing is dialled, NotDialled is raised.
    """

    from_number: str
    from_name: str
    ident: str
    header: str
    timezone: str
    t38: Literal["off", "on", "required"]
    ecm: bool
    v17: bool
    resolution: Literal["standard", "fine", "superfine"]
    as_is: bool
    start_page: int | None
    end_page: int | None
    gateways: Sequence[str]
    node: str | None
    timeouts: CallTimeouts
    attempt_id: str
    wait: float
    keep_marks: bool
    may_dial: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A FreeSWITCH as the engine sees it; ``problem`` is "" while it is up.

    ``core`` is the Core-UUID of the FreeSWITCH that runs there now, "" while it is down. With
    another one it was restarted, and no call of before is up any more. ``dropped`` counts
    the events that slow readers lost since this process began.
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
        self._receivings: list[ReceiveHandle] = []
        self._calls: dict[SendCall, gevent.Greenlet[..., None]] = {}
        self._converter = Converter(self.settings.document)
        self._outgoing = OutboundSpool(self.settings.spool, self._converter)
        self._pool = self._hub.run(self._start)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_up(self, timeout: float = 10.0) -> None:
        """Wait until a FreeSWITCH is up. Sending does so by itself.

        Raises:
            EslError: none is, and why.
        """
        self._hub.run(self._pool.wait_up, timeout)

    def send(
        self,
        document: Path | str,
        to: str,
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[SendOptions],
    ) -> TxResult:
        """Send a document to a number; return what became of it.

        ``on_progress`` is called in the calling thread or greenlet with each observation.
        If the wait is interrupted (KeyboardInterrupt, GreenletExit, a gevent.Timeout) the call
        is cancelled.

        Raises:
            DocumentError: the document cannot be faxed as it is.
            InvalidRequest: number, ident, pages or a name cannot be dialled or sent.
            SpoolError: FreeSWITCH does not see the file.
            NoCapacity, NoNode, EslError: no FreeSWITCH can carry the call.
            AlreadyDialled: ``attempt_id`` was used before; nothing was dialled now.
            NotDialled: ``may_dial`` said no.
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

    def start(self, document: Path | str, to: str, **options: Unpack[SendOptions]) -> SendCall:
        """Begin to send a document; return at once with the call.

        Raises:
            InvalidNumber: the number cannot be dialled.
            Closed: the engine is closed.
        """
        if self._closed:
            raise Closed("the engine is closed")
        number = dialable(to)
        call = SendCall(self._hub, options.get("attempt_id") or new_call_id())
        self._hub.run(self._spawn, call, Path(document), number, options)
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
        """Take up an attempt that a former process planned, whatever it got to do about it.

        If its call is up it is followed to its end, with watchdogs and `SendCall.cancel`; if
        FreeSWITCH recorded how it ended, that is the result. From now on nobody can begin to dial
        this attempt any more. A result of ``Status.UNCERTAIN`` means that nothing can be proved.

        Args:
            attempt_id: the attempt's.
            node: where it was to be dialled.
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
        if self._closed:
            raise Closed("the engine is closed")
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
        self._hub.run(self._begin_to_adopt, call, self._pool.node(node), planned, keep_marks, wait)
        return call

    def convert(
        self,
        source: Path | str,
        target: Path | str,
        *,
        resolution: Literal["standard", "fine", "superfine"] | None = None,
    ) -> Conversion:
        """Convert a document to TIFF-F without sending it, as `send` would.

        The file can be sent with the option ``as_is`` later, also several times.

        Raises:
            DocumentError: it cannot be faxed as it is.
            InvalidRequest: there is no such resolution.
            Closed: the engine is closed.
        """
        if self._closed:
            raise Closed("the engine is closed")
        return self._converter.convert(
            source, target, resolution=resolution or self.settings.fax.resolution
        )

    def receive(
        self,
        folder: Path | str | None = None,
        *,
        on_progress: Callable[[str, Observation], None] | None = None,
        admit: Admit | None = None,
    ) -> ReceiveHandle:
        """Begin to receive: calls that run rxfax, and parked calls that the dialplan hands over.

        Each fax is stored in ``folder`` (the settings' inbox) before it is reported. Faxes that
        came while nobody listened are found first.

        ``admit`` is asked, with the caller's and the called number, whether a call is taken. It is
        called in a greenlet of the engine's home, one for each call, and may wait there. If it
        fails the call is taken. A fax that came while nobody listened is asked about when it is
        found, if the dialplan recorded who called.
        """
        if self._closed:
            raise Closed("the engine is closed")
        receiving = ReceiveHandle(self._hub, on_progress)
        self._receivings.append(receiving)
        self._hub.run(self._listen, receiving, Path(folder or self.settings.inbox), admit)
        return receiving

    def fate(self, attempt_id: str, *, gateways: int = 1) -> Fate:
        """Ask every FreeSWITCH what became of an attempt.

        ``gateways`` is how many gateways its plan named. ``UNKNOWN`` where no node knows it.

        Raises:
            EslError: a node could not be asked, and no other one knew.
        """
        return self._hub.run(self._ask_fate, call_ids(attempt_id, gateways))

    def forget(self, attempt_id: str, *, gateways: int = 1) -> None:
        """Erase the outcome marks of an attempt whose result is stored elsewhere by now.

        What bars an id that was never dialled stays, in case a former process wakes up.

        Raises:
            EslError: a node could not be asked.
        """
        self._hub.run(self._forget, call_ids(attempt_id, gateways))

    def sweep(self, keep: Collection[str] = (), *, older_than: float = 3600.0) -> list[str]:
        """Remove what killed processes left in the spool; return the ids of those attempts.

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
        """Send no more calls to a node; those under way go on."""
        self._hub.run(self._pool.drain, node)

    def undrain(self, node: str) -> None:
        """Use a drained node again."""
        self._hub.run(self._pool.undrain, node)

    def close(self, wait: float = 0.0) -> None:
        """End the engine: calls under way get ``wait`` seconds and are cancelled then."""
        if self._closed:
            return
        self._closed = True
        for receiving in self._receivings:
            receiving.close(wait)
        self._hub.run(self._stop, wait)
        self._converter.close()
        self._hub.close()

    # --- at home --------------------------------------------------------------------------

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

    def _spawn(self, call: SendCall, document: Path, number: str, options: SendOptions) -> None:
        self._run(call, gevent.spawn(self._work, call, document, number, options))

    def _run(self, call: SendCall, greenlet: gevent.Greenlet[..., None]) -> None:
        self._calls[call] = call.greenlet = greenlet
        greenlet.link(lambda _: self._calls.pop(call, None))

    def _work(self, call: SendCall, document: Path, number: str, options: SendOptions) -> None:
        spooled = self._outgoing.path(call.id)
        result: TxResult | None = None
        problem: BaseException | None = None
        try:
            prepared = self._prepare(call.id, document, options)
            call.report(prepared)
            result = self._dial(call, spooled, prepared.pages, number, options)
        except (FsfaxError, OSError) as error:
            problem = error
        except BaseException as error:
            problem = error
            raise
        finally:
            in_use = isinstance(problem, AlreadyDialled) or (call.was_left and call.was_begun)
            if not in_use and (result is None or result.status is not Status.UNCERTAIN):
                # A call that may still be up may still read its file.
                spooled.unlink(missing_ok=True)
            call.finish(result, problem)

    def _begin_to_adopt(
        self, call: SendCall, node: Node, planned: Planned, keep_marks: bool, wait: float
    ) -> None:
        self._run(call, gevent.spawn(self._adopt, call, node, planned, keep_marks, wait))

    def _adopt(
        self, call: SendCall, node: Node, planned: Planned, keep_marks: bool, wait: float
    ) -> None:
        result: TxResult | None = None
        problem: BaseException | None = None
        with ExitStack() as line:

            def report(observation: Observation) -> None:
                if isinstance(observation, Dialling):
                    line.enter_context(self._pool.hold(node.name, observation.gateway))
                call.report(observation)

            adoption = Adoption(node.link, node.name, planned, report)
            call.begin(adoption)
            try:
                node.link.wait_connected(wait)
                result = adoption.run()
                if result.status is not Status.UNCERTAIN:
                    self._outgoing.path(call.id).unlink(missing_ok=True)
                    if not keep_marks:
                        self._erase(node, planned.calls)
            except (FsfaxError, OSError) as error:
                problem = error
            except BaseException as error:
                problem = error
                raise
            finally:
                call.finish(result, problem)

    def _prepare(self, attempt_id: str, document: Path, options: SendOptions) -> Prepared:
        if options.get("as_is"):
            return self._outgoing.take(attempt_id, document)
        resolution = options.get("resolution") or self.settings.fax.resolution
        return self._outgoing.convert(attempt_id, document, resolution)

    def _dial(
        self, call: SendCall, file: Path, pages: int, number: str, options: SendOptions
    ) -> TxResult:
        tried: set[str] = set()
        problem: EslError | None = None
        while True:
            try:
                with self._pool.acquire(
                    tuple(options.get("gateways") or ()),
                    node=options.get("node"),
                    exclude=tried,
                    wait=options.get("wait", 0.0),
                ) as reservation:
                    node = reservation.node
                    plan = self._plan(
                        call.id,
                        file=file,
                        pages=pages,
                        number=number,
                        gateways=reservation.gateways,
                        options=options,
                    )
                    return self._transmit(call, reservation, plan, options)
            except NoCapacity:
                if problem:
                    raise problem from None
                raise
            except EslError as error:
                # Nothing was dialled yet (a Transmission settles everything after that).
                _log.warning("node_failed_over", node=node.name, error=str(error))
                tried.add(node.name)
                problem = error

    def _transmit(
        self, call: SendCall, reservation: Reservation, plan: SendPlan, options: SendOptions
    ) -> TxResult:
        node = reservation.node

        def report(observation: Observation) -> None:
            if isinstance(observation, Dialling):
                reservation.use(observation.gateway)  # counts it where the call really is
            call.report(observation)

        spool = Spool(node.settings.spool)
        may_dial = options.get("may_dial", lambda: True)
        transmission = Transmission(node.link, node.name, spool, plan, report, may_dial=may_dial)
        call.begin(transmission)
        result = transmission.run()
        if not options.get("keep_marks") and result.status is not Status.UNCERTAIN:
            self._erase(node, plan.call_ids)
        return result

    def _erase(self, node: Node, ids: Collection[str]) -> None:
        try:
            for id in ids:
                marks.erase(node.link, self.settings.marks_realm, id)
        except EslError as error:
            _log.info("marks_left", node=node.name, error=str(error))

    def _plan(
        self,
        attempt_id: str,
        *,
        file: Path,
        pages: int,
        number: str,
        gateways: Sequence[str],
        options: SendOptions,
    ) -> SendPlan:
        fax = self.settings.fax
        from_number = options.get("from_number", fax.from_number)
        return SendPlan(
            attempt_id=attempt_id,
            to=number,
            file=file,
            pages=pages,
            gateways=tuple(gateways),
            from_number=dialable(from_number) if from_number else "",
            from_name=options.get("from_name", fax.from_name),
            ident=options.get("ident", fax.ident),
            header=options.get("header", fax.header),
            timezone=options.get("timezone", fax.timezone),
            t38=options.get("t38", fax.t38),
            ecm=options.get("ecm", fax.ecm),
            v17=options.get("v17", fax.v17),
            start_page=options.get("start_page"),
            end_page=options.get("end_page"),
            timeouts=options.get("timeouts", self.settings.timeouts),
            marks_realm=self.settings.marks_realm,
        )

    def _listen(self, receiving: ReceiveHandle, folder: Path, admit: Admit | None) -> None:
        spooled = self.settings.spool.absolute() / "in"
        spooled.mkdir(parents=True, exist_ok=True)
        claims: set[str] = set()
        for node in self._pool.nodes:
            receiving.receivers.append(
                Receiver(
                    node.link,
                    node.name,
                    Spool(node.settings.spool),
                    InboundSpool(folder.absolute()),
                    folder=spooled,
                    timeouts=self.settings.timeouts,
                    defaults=self.settings.fax,
                    realm=self.settings.marks_realm,
                    ask=lambda call_id: self._ask_fate([call_id]),
                    who=self._ask_who,
                    claims=claims,
                    on_fax=receiving.put,
                    on_progress=lambda call_id, seen: receiving.put((call_id, seen)),
                    admit=admit,
                )
            )

    def _ask_fate(self, ids: Sequence[str]) -> Fate:
        """Ask every node about every call: up beats a mark, a mark beats mere knowledge."""
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

    def _ask_who(self, call_id: str) -> tuple[str, str]:
        """Ask every node who called whom in a call; the numbers are "" where nobody knows."""
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
            raise problem  # whoever cannot be asked may be the one who knows
        return "", ""

    def _sweep(self, keep: frozenset[str], older_than: float) -> list[str]:
        # A call that begins while the folder is read has a young file.
        return self._outgoing.sweep(keep | {call.id for call in self._calls}, older_than)

    def _forget(self, ids: Sequence[str]) -> None:
        for node in self._pool.nodes:
            for id in ids:
                marks.erase(node.link, self.settings.marks_realm, id)
