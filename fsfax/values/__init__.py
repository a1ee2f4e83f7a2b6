"""Values that several packages share. Pure: no I/O, no gevent.

Modules:

    results      what became of a call: TxResult, RxResult and their pages
    outcome      the classes of endings, and what each allows
    preferences  how a fax is to be sent, over what the settings say
    plan         how one call is made (T.38, ECM, V.17), and which pages it sends
    numbers      numbers that can be dialled
    events       the names of what happens to a job and on its call, and of notifications
    webhook_secret  secrets that webhook messages are signed with
"""
