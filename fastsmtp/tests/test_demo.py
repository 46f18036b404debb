"""`demo` plays the whole way, and leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from fastsmtp.demo import shorten
from fastsmtp.management.commands.demo import SAMPLES


@pytest.mark.embedded
def test_every_sample_arrives(tmp_path: Path) -> None:
    # Without a terminal, and with an environment that must not matter.
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FASTSMTP_")},
        "TMPDIR": str(tmp_path),
        "FASTSMTP_DATA_DIR": str(tmp_path / "mine"),
        "FASTSMTP_SMTP_PORT": "1",
    }
    demo = subprocess.run(
        [sys.executable, "-m", "fastsmtp", "demo"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    samples = sorted(SAMPLES.glob("*.eml"))
    assert len(samples) >= 5
    for sample in samples:
        assert sample.name in demo.stdout
    assert demo.stdout.count("250 2.0.0 Ok: queued as") == len(samples)
    assert demo.stdout.count('"envelope_to"') == len(samples)
    assert '"filename": "invoice-2025-017.pdf"' in demo.stdout
    assert not list(tmp_path.iterdir())
    assert not [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(tmp_path) in " ".join(process.info["cmdline"] or [])
    ]


def test_long_texts_are_shortened() -> None:
    value = {"a": ["x" * 1000, "short", 5, None], "b": {"c": "y" * 160}}
    first, *rest = shorten(value)["a"]
    assert first.startswith("x" * 160 + "…")
    assert "1000 characters" in first
    assert rest == ["short", 5, None]
    assert shorten(value)["b"] == value["b"]
