"""``fsfax config``: settings, origins, no secrets."""

from __future__ import annotations

import os
from pathlib import Path

from tests.forked_command import run_fsfax


def test_config_shows_origins_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "fsfax.toml").write_text(
        '[[nodes]]\nhost = "pbx"\npassword = "hush-hush"\n[timeouts]\nanswer = 33\n'
    )
    done = run_fsfax(
        "config",
        "--no-json",
        cwd=tmp_path,
        environment={**os.environ, "FSFAX_FAX__IDENT": "+1 555"},
    )
    assert "timeouts.answer = 33.0   (file fsfax.toml)" in done.stdout
    assert "fax.ident = '+1 555'   (environment)" in done.stdout
    assert "hush-hush" not in done.stdout + done.stderr
