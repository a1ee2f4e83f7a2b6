"""The ``fsfax`` command."""
