"""A mail server that kills its process at a named point; arguments: DATABASE POINT."""

import os
import signal
import sys
import threading
from typing import Any

from pydantic import SecretStr

from fsfax.mail import smtplog
from fsfax.mail.acceptance import Acceptance
from fsfax.mail.server import MailServer
from fsfax.settings import Settings, SmtpSettings

POINTS = ("before the commit", "between the commit and the answer")


def kill_after(owner: Any, name: str) -> None:
    """Kill the process with SIGKILL after a call of a function."""
    real = getattr(owner, name)

    def call_and_kill(*args: Any, **named: Any) -> Any:
        real(*args, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, call_and_kill)


if __name__ == "__main__":
    if sys.argv[2] == POINTS[0]:
        kill_after(smtplog, "insert_record")  # the last step of the transaction
    else:
        kill_after(Acceptance, "accept")
    server = MailServer(Settings(database=SecretStr(sys.argv[1]), smtp=SmtpSettings(port=0)))
    server.start()
    print(server.port, flush=True)
    threading.Event().wait()
