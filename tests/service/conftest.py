"""The whole service, with mail clients, a mailbox and a receiver of webhooks; see `tests.api`."""

from tests.api.conftest import letter, new_service, switch  # noqa: F401  # fixtures
from tests.notify.conftest import mailbox, receiver, tiff  # noqa: F401
