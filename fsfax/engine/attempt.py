"""One attempt, run in a greenlet of the engine's hub: to send a document, or to adopt a call.

`SendAttempt` puts the document into the spool, reserves a line, makes the plan and dials. A node
that fails before anything was dialled is replaced by another one. `AdoptedAttempt` finds out what
became of an attempt that another process planned. Both report to a `SendCall` and finish it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, TypedDict

from fsfax.engine import marks
from fsfax.engine.adopt import Adoption, Planned
from fsfax.engine.handles import SendCall
from fsfax.engine.observations import Dialling, Observation, Prepared
from fsfax.engine.outbound_spool import OutboundSpool
from fsfax.engine.plan import SendPlan
from fsfax.engine.spool import Spool
from fsfax.engine.transmit import Transmission
from fsfax.errors import AlreadyDialled, EslError, FsfaxError, NoCapacity
from fsfax.esl.pool import Node, Pool, Reservation
from fsfax.log import get_logger
from fsfax.settings import CallTimeouts, Settings
from fsfax.values.numbers import DialNumber, dialable
from fsfax.values.preferences import SendPreferences
from fsfax.values.results import Status, TxResult

_log = get_logger(__name__)


class SendOptions(TypedDict, total=False):
    """How a fax is sent; what is left out comes from the settings.

    from_number, from_name: the caller id.
    ident, header, timezone, t38, ecm, v17: see `SendPlan`.
    resolution: of the conversion.
    as_is: do not convert; the document is a TIFF-F that `Engine.convert` made.
    start_page, end_page: the pages to be sent, from 1; the whole document by default.
    gateways: tried in this order; those of the node's settings by default.
    node: the only node that may dial.
    timeouts: the limits of the call's stages.
    attempt_id: a UUID chosen by the caller, for `Engine.fate`, `Engine.adopt` and
        `Engine.forget`.
    wait: seconds to wait for a free line; 0 = raise NoCapacity at once.
    keep_marks: leave FreeSWITCH's outcome marks until `Engine.forget`; for callers that store
        the result first.
    may_dial: called in the engine's hub right before each originate, after the guard mark was
        put (see `fsfax.engine.marks`). If it returns False, nothing is dialled and NotDialled is
        raised.
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


class SendAttempt:
    """One attempt to send a document.

    Args:
        call: gets the progress, and the result or the error.
        document: the document, or with the option ``as_is`` a TIFF-F.
        number: the called number.
        options: of this fax.
        settings: the defaults, and the realm of the marks.
        pool: the nodes.
        spool: where the file is put for FreeSWITCH.
    """

    def __init__(
        self,
        call: SendCall,
        document: Path,
        number: DialNumber,
        options: SendOptions,
        *,
        settings: Settings,
        pool: Pool,
        spool: OutboundSpool,
    ) -> None:
        self._call = call
        self._document = document
        self._number = number
        self._options = options
        self._settings = settings
        self._fax = SendPreferences.from_dict(options).over(settings.fax)
        self._pool = pool
        self._spool = spool

    def run(self) -> None:
        """Make the attempt and finish the call with its result or error."""
        call, spooled = self._call, self._spool.path(self._call.id)
        result: TxResult | None = None
        problem: BaseException | None = None
        try:
            prepared = self._prepare()
            call.report(prepared)
            result = self._dial(spooled, prepared.pages)
        except (FsfaxError, OSError) as error:
            problem = error
        except BaseException as error:
            problem = error
            raise
        finally:
            in_use = isinstance(problem, AlreadyDialled) or (call.was_left and call.was_begun)
            if not in_use and (result is None or result.status is not Status.UNCERTAIN):
                # Otherwise the call may still be up, and FreeSWITCH may still read its file.
                spooled.unlink(missing_ok=True)
            call.finish(result, problem)

    def _prepare(self) -> Prepared:
        if self._options.get("as_is"):
            return self._spool.put(self._call.id, self._document)
        return self._spool.convert(self._call.id, self._document, self._fax.resolution)

    def _dial(self, file: Path, pages: int) -> TxResult:
        options = self._options
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
                    return self._transmit(
                        reservation, self._plan(file, pages, reservation.gateways)
                    )
            except NoCapacity:
                if problem:
                    raise problem from None
                raise
            except EslError as error:
                # Nothing was dialled yet (a Transmission settles everything after that).
                _log.warning("node_failed_over", node=node.name, error=str(error))
                tried.add(node.name)
                problem = error

    def _plan(self, file: Path, pages: int, gateways: Sequence[str]) -> SendPlan:
        options, fax = self._options, self._fax
        from_number = options.get("from_number", fax.from_number)
        return SendPlan(
            attempt_id=self._call.id,
            to=self._number,
            file=file,
            pages=pages,
            gateways=tuple(gateways),
            from_number=dialable(from_number) if from_number else "",
            from_name=options.get("from_name", fax.from_name),
            ident=fax.ident,
            header=fax.header,
            timezone=fax.timezone,
            t38=fax.t38,
            ecm=fax.ecm,
            v17=fax.v17,
            start_page=options.get("start_page"),
            end_page=options.get("end_page"),
            timeouts=options.get("timeouts", self._settings.timeouts),
            marks_realm=self._settings.marks_realm,
        )

    def _transmit(self, reservation: Reservation, plan: SendPlan) -> TxResult:
        node = reservation.node

        def report(observation: Observation) -> None:
            if isinstance(observation, Dialling):
                reservation.use(observation.gateway)  # counts it where the call really is
            self._call.report(observation)

        spool = Spool(node.settings.spool)
        may_dial = self._options.get("may_dial", lambda: True)
        transmission = Transmission(node.link, node.name, spool, plan, report, may_dial=may_dial)
        self._call.begin(transmission)
        result = transmission.run()
        if not self._options.get("keep_marks") and result.status is not Status.UNCERTAIN:
            _erase_marks(node, plan.marks_realm, plan.call_ids)
        return result


class AdoptedAttempt:
    """One attempt that another process planned, taken up here.

    Args:
        call: gets the progress, and the result or the error.
        node: where it was to be dialled.
        planned: what is known of its plan.
        pool: the nodes.
        spool: where its file may still be.
        keep_marks: see `SendOptions`.
        wait: seconds to wait for the node if it is down.
    """

    def __init__(
        self,
        call: SendCall,
        node: Node,
        planned: Planned,
        *,
        pool: Pool,
        spool: OutboundSpool,
        keep_marks: bool,
        wait: float,
    ) -> None:
        self._call = call
        self._node = node
        self._planned = planned
        self._pool = pool
        self._spool = spool
        self._keep_marks = keep_marks
        self._wait = wait

    def run(self) -> None:
        """Find out what became of the attempt and finish the call with its result or error."""
        call, node, planned = self._call, self._node, self._planned
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
                node.link.wait_connected(self._wait)
                result = adoption.run()
                if result.status is not Status.UNCERTAIN:
                    self._spool.path(call.id).unlink(missing_ok=True)
                    if not self._keep_marks:
                        _erase_marks(node, planned.realm, planned.calls)
            except (FsfaxError, OSError) as error:
                problem = error
            except BaseException as error:
                problem = error
                raise
            finally:
                call.finish(result, problem)


def _erase_marks(node: Node, realm: str, ids: Collection[str]) -> None:
    try:
        for id in ids:
            marks.erase(node.link, realm, id)
    except EslError as error:
        _log.info("marks_left", node=node.name, error=str(error))
