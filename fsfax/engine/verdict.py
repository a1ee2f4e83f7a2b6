"""The verdict on a call: transcript in, result out. Pure functions.

The order of evidence, strongest first:

1. the fax result event (phase E) of the call itself;
2. an interruption by the engine (cancelled, a watchdog): it ended the call and knows why;
3. the reply to the originate, or a hangup before any answer: no page can have been sent;
4. what FreeSWITCH itself recorded (`Fate`, from the outcome marks);
5. none of these: the call is uncertain. The hangup cause of an answered call proves nothing
   (a call whose file is missing ends with NORMAL_CLEARING, too), so it never makes a success.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from fsfax.engine import t30
from fsfax.engine.causes import cause
from fsfax.engine.observations import FaxFinished
from fsfax.engine.transcript import Transcript
from fsfax.values.outcome import Doubt, Meaning, Outcome
from fsfax.values.results import FaxResult, GatewayAttempt, PageRecord, RxResult, Status, TxResult


class Fate(StrEnum):
    """What FreeSWITCH knows about a call when it is asked."""

    UP = "up"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ENDED = "ended"
    """The call ended without reaching phase E: no page was confirmed."""
    UNKNOWN = "unknown"


class Interruption(StrEnum):
    """Why the engine ended a call."""

    CANCELLED = "cancelled"
    ANSWER_TIMEOUT = "answer_timeout"
    NEGOTIATION_TIMEOUT = "negotiation_timeout"
    PAGE_TIMEOUT = "page_timeout"
    T38_REQUIRED = "t38_required"
    BLOCKED = "blocked"
    """The caller is not permitted to send faxes to the called number."""


_INTERRUPTIONS = {
    Interruption.CANCELLED: Meaning("The fax was cancelled.", Outcome.CANCELLED, False),
    Interruption.ANSWER_TIMEOUT: Meaning(
        "The call was not answered in time.", Outcome.NO_ANSWER, True
    ),
    Interruption.NEGOTIATION_TIMEOUT: Meaning(
        "The call was answered, but the fax machines did not agree on a transmission in time.",
        Outcome.NOT_A_FAX,
        True,
    ),
    Interruption.PAGE_TIMEOUT: Meaning(
        "The transmission made no progress for too long and was ended.",
        Outcome.LINE_TROUBLE,
        True,
    ),
    Interruption.T38_REQUIRED: Meaning(
        "T.38 was required, but the far end or the gateway offers audio only.",
        Outcome.INCOMPATIBLE,
        False,
    ),
    Interruption.BLOCKED: Meaning(
        "The caller is not permitted to send faxes to this number.", Outcome.REFUSED, False
    ),
}

_UNCERTAIN = Meaning(
    "The outcome of the call cannot be proved: no result was reported and none was recorded.",
    Outcome.UNKNOWN,
    True,
    Doubt.ANY,
)
_STILL_UP = Meaning(
    "The call could not be ended: FreeSWITCH still holds its channel.",
    Outcome.UNKNOWN,
    False,
    Doubt.ANY,
)
_RESULT_LOST = Meaning(
    "FreeSWITCH recorded that the fax failed; the reason was lost with the connection.",
    Outcome.LINE_TROUBLE,
    True,
    Doubt.ANY,
)
_NEVER_BEGAN = Meaning(
    "The call was answered, but ended before the fax began.", Outcome.LINE_TROUBLE, True
)
_SUCCESS_WITHOUT_PAGE = Meaning(
    "The fax ended without an error, but also without a single page.", Outcome.LINE_TROUBLE, True
)
_DELIVERED = t30.CODES[t30.OK]


@dataclass(frozen=True, slots=True)
class Call:
    """The call that is judged: its Unique-ID, node, and times in seconds since 1970."""

    id: str
    node: str
    started_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class _Judgement:
    status: Status
    meaning: Meaning
    code: int | None
    text: str


def is_provable(transcript: Transcript) -> bool:
    """Return whether the transcript alone proves the outcome, without asking FreeSWITCH."""
    return bool(
        transcript.result
        or (transcript.stopped and transcript.stopped.response)
        or (transcript.is_over and not transcript.is_answered)
    )


def judge_sent(
    transcript: Transcript,
    call: Call,
    *,
    fate: Fate = Fate.UNKNOWN,
    interruption: Interruption | None = None,
    first_page: int = 1,
    last_page: int | None = None,
    failed_gateways: tuple[GatewayAttempt, ...] = (),
) -> TxResult:
    """Return the result of a call that was to send a fax.

    Args:
        transcript: what was observed.
        call: its id and times.
        fate: what FreeSWITCH knows about the call, if it was asked.
        interruption: why the engine ended it, if it did.
        first_page: the first page of the document that was to be sent, from 1.
        last_page: the last one, if known: needed to count pages when only a mark is left.
        failed_gateways: gateways that were tried before and failed.
    """
    judgement = _judge(transcript, fate, interruption)
    success = judgement.status is Status.SUCCEEDED
    confirmed = transcript.pages_confirmed
    if success and not transcript.result and last_page is not None:
        # Only FreeSWITCH's mark is left: "success" means every page of the range.
        confirmed = last_page - first_page + 1
    pages_total = max(_total(transcript), last_page or 0)
    base = _base(transcript, call, judgement, pages_total, first_page)
    return TxResult(
        **_fields(base),
        pages_sent=confirmed,
        fax_receiver_id=base.remote_station_id,
        first_unconfirmed_page=None if success else first_page + confirmed,
        gateway=transcript.dialling.gateway if transcript.dialling else "",
        failed_gateways=failed_gateways,
        still_up=fate is Fate.UP and not success,
    )


def judge_received(
    transcript: Transcript,
    call: Call,
    *,
    fate: Fate = Fate.UNKNOWN,
    interruption: Interruption | None = None,
    file: Path | None = None,
    pages_in_file: int = 0,
    gaps: tuple[str, ...] = (),
) -> RxResult:
    """Return the result of a call on which a fax was to be received.

    ``pages_in_file`` is the number of readable pages in the stored file: they count as received,
    whatever the events say. Of a blocked caller's fax nothing is stored and no page counts.
    """
    blocked = interruption is Interruption.BLOCKED
    judgement = _judge(transcript, fate, interruption)
    created = transcript.created
    pages = 0 if blocked else pages_in_file or transcript.pages_confirmed
    base = _base(transcript, call, judgement, pages)
    return RxResult(
        **_fields(base),
        pages_received=pages,
        fax_sender_id=base.remote_station_id,
        from_number=created.from_number if created else "",
        from_name=created.from_name if created else "",
        to_number=created.to_number if created else "",
        file=None if blocked else file,
        blocked=blocked,
        gaps=gaps,
    )


def _judge(transcript: Transcript, fate: Fate, interruption: Interruption | None) -> _Judgement:
    result = transcript.result
    if interruption is Interruption.BLOCKED:
        return _interrupted(transcript, interruption, None)
    if result and result.success:
        meaning = _DELIVERED if transcript.pages_confirmed else _SUCCESS_WITHOUT_PAGE
        status = Status.SUCCEEDED if transcript.pages_confirmed else Status.FAILED
        return _Judgement(status, meaning, result.code, result.text)
    if not result and fate in (Fate.SUCCEEDED, Fate.UP):
        return _from_fate(transcript, fate)
    if interruption:
        return _interrupted(transcript, interruption, result)
    if result:
        return _Judgement(Status.FAILED, t30.meaning(result.code), result.code, result.text)
    if transcript.is_over and not transcript.is_answered:
        return _not_answered(transcript)
    if transcript.stopped and transcript.stopped.response:
        return _refused_by_application(transcript.stopped.response)
    return _from_fate(transcript, fate)


def _interrupted(
    transcript: Transcript, interruption: Interruption, result: FaxFinished | None
) -> _Judgement:
    meaning = _INTERRUPTIONS[interruption]
    if transcript.may_have_sent:
        meaning = replace(meaning, doubt=Doubt.LAST_PAGE)
    code, text = (result.code, result.text) if result else (None, interruption.value)
    return _Judgement(Status.FAILED, meaning, code, text)


def _not_answered(transcript: Transcript) -> _Judgement:
    name = _cause_name(transcript)
    status = transcript.hung_up.sip_status if transcript.hung_up else 0
    return _Judgement(Status.FAILED, cause(name).meaning, status or None, name)


def _refused_by_application(response: str) -> _Judgement:
    meaning = Meaning(
        f"FreeSWITCH could not begin the fax: {response}.", Outcome.LOCAL_TROUBLE, False
    )
    return _Judgement(Status.FAILED, meaning, None, response)


def _from_fate(transcript: Transcript, fate: Fate) -> _Judgement:
    match fate:
        case Fate.SUCCEEDED:
            return _Judgement(Status.SUCCEEDED, _DELIVERED, t30.OK, "OK")
        case Fate.UP:
            return _Judgement(Status.UNCERTAIN, _STILL_UP, None, "")
        case Fate.FAILED:
            return _Judgement(Status.FAILED, _RESULT_LOST, None, "")
        case Fate.ENDED if not transcript.pages:
            if transcript.is_answered:
                return _Judgement(Status.FAILED, _NEVER_BEGAN, None, _cause_name(transcript))
            # No answer was observed, and phase E was not reached: nothing was delivered.
            return _Judgement(
                Status.FAILED,
                Meaning(
                    "The call ended before a fax was sent; the reason was lost with the"
                    " connection.",
                    Outcome.LINE_TROUBLE,
                    True,
                ),
                None,
                "",
            )
        case _:
            return _Judgement(Status.UNCERTAIN, _UNCERTAIN, None, "")


def _doubt(meaning: Meaning, transcript: Transcript) -> Doubt:
    """Return the doubt, but NONE if no page can have been sent: phase B was not reached."""
    if meaning.doubt is Doubt.LAST_PAGE and not transcript.may_have_sent:
        return Doubt.NONE
    return meaning.doubt


def _cause_name(transcript: Transcript) -> str:
    if transcript.hung_up:
        return transcript.hung_up.cause
    return transcript.reply.cause if transcript.reply else ""


def _total(transcript: Transcript) -> int:
    totals = [page.total for page in transcript.pages]
    return max([*totals, transcript.result.total if transcript.result else 0])


def _base(
    transcript: Transcript,
    call: Call,
    judgement: _Judgement,
    pages_total: int,
    first_page: int = 1,
) -> FaxResult:
    """Return what a result says in either direction."""
    negotiated, result = transcript.negotiated, transcript.result
    # Phase E's values count, but a call that broke off may have those of phase B only.
    last = result or negotiated
    agreed = negotiated is not None
    success = judgement.status is Status.SUCCEEDED
    return FaxResult(
        call_id=call.id,
        node=call.node,
        started_at=call.started_at,
        time_elapsed=max(0, round(call.ended_at - call.started_at)),
        success=success,
        status=judgement.status,
        outcome=judgement.meaning.outcome,
        error_message="" if success else judgement.meaning.message,
        retry=judgement.meaning.retry,
        doubt=_doubt(judgement.meaning, transcript),
        result_code=judgement.code,
        result_text=judgement.text,
        result_cause=_cause_name(transcript),
        fax_bad_rows=sum(seen.page.bad_rows for seen in transcript.pages),
        # Without phase B, SpanDSP reports what it would have offered (14400 bit/s to a voice).
        fax_error_correction=bool(last and last.ecm and agreed),
        fax_speed=last.rate if last and agreed else 0,
        t38_status=last.t38_status if last else "off",
        encoding=transcript.pages[-1].page.encoding if transcript.pages else "",
        pages_total=pages_total,
        pages=tuple(_pages(transcript, first_page)),
        remote_station_id=(result.remote_station_id if result else "")
        or (negotiated.remote_station_id if negotiated else ""),
        local_station_id=last.local_station_id if last else "",
        remote_country=negotiated.remote_country if negotiated else "",
        remote_vendor=negotiated.remote_vendor if negotiated else "",
        remote_model=negotiated.remote_model if negotiated else "",
    )


def _fields(base: FaxResult) -> dict[str, Any]:
    return {item.name: getattr(base, item.name) for item in fields(base)}


def _pages(transcript: Transcript, first_page: int) -> Iterator[PageRecord]:
    """Yield the confirmed pages: counted in the document, with the time that each one took."""
    before = transcript.negotiated.at if transcript.negotiated else 0.0
    for seen in transcript.pages:
        yield replace(
            seen.page,
            number=first_page + seen.number - 1,
            seconds=round(max(0.0, seen.at - before), 3) if before else 0.0,
        )
        before = seen.at
