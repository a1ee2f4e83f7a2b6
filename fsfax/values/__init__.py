"""Values that several packages share. Pure: no I/O, no gevent.

results      what became of a call: TxResult, RxResult and their pages
outcome      the classes of endings, and what each allows
preferences  how a fax is to be sent
"""
