"""Values that several packages share. Pure: no I/O, no gevent.

Modules:

    results      what became of a call: TxResult, RxResult and their pages
    outcome      the classes of endings, and what each allows
    preferences  how a fax is to be sent, over what the settings say
    numbers      numbers that can be dialled
    webhook_secret  secrets that webhook messages are signed with
    events       the names of what happens to a job and on its call
"""
