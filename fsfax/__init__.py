"""fsfax: send and receive faxes through FreeSWITCH.

    import fsfax

    with fsfax.Engine(fsfax.load_settings()) as engine:
        result = engine.send("letter.pdf", to="+353 1 555 0100")
        print(result.success, result.pages_sent, result.error_message)

Durable jobs, which a worker sends and which survive any crash:

    with fsfax.JobStore("sqlite:///fsfax.db") as store:
        job = store.accept(fsfax.NewFax(to_number="+353 1 555 0100", documents=["letter.pdf"]))

The public names are those of ``__init__.pyi``; every other name may change without notice. A
name is imported when it is first used: the processes that convert documents import this package
too, and do not need gevent.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
