"""Values that several packages share. Pure: no I/O, no gevent.

Modules:

    results         results of calls: TxResult, RxResult and their pages
    outcome         how a call ended, in a few classes, and what each allows
    preferences     how a fax is to be sent, and the settings for the rest
    plan            how one call is made (T.38, ECM, V.17), and which pages it sends
    numbers         numbers that can be dialled
    events          the names of job events, call events and notifications
    webhook_secret  secrets that webhook messages are signed with
"""
