"""The confined processes in which documents are opened, drawn and coded.

Untrusted bytes are decoded in these processes and nowhere else.

Modules, in the order in which a request passes them:

    pool          worker processes started, shared between greenlets of any thread, replaced
    worker        the process: operating system limits, frames on its socket
    tasks         the tasks ``plan``, ``draw`` and ``inspect``; the last document stays open
    inspect_task  the task ``inspect``: kind, page sizes, and what else is in a PDF
"""
