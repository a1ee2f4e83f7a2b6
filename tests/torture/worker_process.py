"""Run a worker in a process of its own, to be killed. Arguments: DATABASE PORT SPOOL."""

import logging
import sys
from pathlib import Path

from pydantic import SecretStr

from fsfax.jobs.worker import Worker
from fsfax.settings import (
    CallTimeouts,
    DocumentSettings,
    GatewaySettings,
    JobsSettings,
    NodeSettings,
    Settings,
)

SOON = {"delay": 0.5, "factor": 1.0, "max_delay": 1.0, "jitter": 0.5}


def settings(database: str, port: int, spool: Path) -> Settings:
    """Return settings with short pauses and leases; all others have their defaults."""
    table = {
        name: rule.model_copy(update=SOON) if rule.retry else rule
        for name, rule in JobsSettings().retry.items()
    }
    return Settings(
        nodes=(
            NodeSettings(
                name="softswitch", port=port, gateways=(GatewaySettings(name="softswitch"),)
            ),
        ),
        spool=spool,
        database=SecretStr(database),
        document=DocumentSettings(workers=1),
        timeouts=CallTimeouts(answer=5, negotiation=10, page=20, linger=2, link_lost=6, result=2),
        jobs=JobsSettings(lease=2.0, poll=0.1, uncertain_after=20.0, account_calls=0, retry=table),
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    with Worker(settings(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))) as worker:
        print("ready", flush=True)
        worker.wait()
