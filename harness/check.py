"""`./dev check`: everything that can be said about the code without running it."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

PYTHON = sys.executable

CHECKS = {
    "ruff check": (PYTHON, "-m", "ruff", "check", "."),
    "ruff format": (PYTHON, "-m", "ruff", "format", "--check", "."),
    "mypy": (PYTHON, "-m", "mypy", "."),
    "import contracts": (str(Path(PYTHON).with_name("lint-imports")), "--no-cache"),
    "migrations": (PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"),
    "dependencies": (str(Path(PYTHON).with_name("deptry")), "."),
    "dev is POSIX shell": (shutil.which("dash") or "sh", "-n", "dev"),
}


def main() -> None:
    failed = [name for name, command in CHECKS.items() if not _passes(name, command)]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def _passes(name: str, command: tuple[str, ...]) -> bool:
    """One line when it is good, the whole output when it is not."""
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "FASTSMTP_DATA_DIR": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    is_good = result.returncode == 0
    print(f"{name}: {'ok' if is_good else 'FAILED'}", flush=True)
    if not is_good:
        print(result.stdout, flush=True)
    return is_good


if __name__ == "__main__":
    main()
