"""Values that several packages share. Pure: no I/O, no gevent.

Modules:

    results      results of calls: TxResult, RxResult and their pages
    outcome      how a call ended, in a few classes, and what each allows
    preferences  how a fax is to be sent, and the settings for the rest
    numbers      numbers that can be dialled
    events       the names of the events of a job and of its calls
"""
