"""``python -m fsfax`` is the ``fsfax`` command."""

from fsfax.cli.main import main

if __name__ == "__main__":
    main()
