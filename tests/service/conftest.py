"""The whole service, with mailers, a mailbox and a program that is told; see `tests.api`."""

from tests.api.conftest import letter, new_service, switch  # noqa: F401  # fixtures
from tests.notify.conftest import mailbox, receiver, tiff  # noqa: F401
