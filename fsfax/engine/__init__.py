"""One call: plan, dial, follow, judge; receive and store.

Modules:

    engine           the public entry point: `Engine`
    handles          what it returns: `SendCall`, `ReceiveHandle`
    attempt          one attempt to send, or to adopt, in the engine's hub
    plan             everything that is decided before dialling, and the call ids (pure)
    transmit         guard, dial, follow and settle over each gateway of a plan
    adopt            find, follow or settle an attempt that another process planned
    receive          inbound faxes of one node
    admission        whether an inbound call is accepted, and how (pure)
    channel          one channel of FreeSWITCH, followed from its first event to its end
    observations     events of FreeSWITCH to observations (pure)
    transcript       observations to the state of a call (pure)
    watchdog         the stages of a call and their time limits (pure)
    verdict          transcript to result (pure)
    t30              SpanDSP's T.30 completion codes (pure)
    causes           hangup causes (pure)
    marks            outcome marks and guards in FreeSWITCH
    spool            the paths of one folder here and in FreeSWITCH
    outbound_spool   files of attempts
    inbound_spool    files of inbound faxes: the inbox
    doctor           checks of a FreeSWITCH node
"""
