"""`./dev lock`: the hashed requirements/*.txt from the *.in. `./dev lock --upgrade` takes the
newest versions that the bounds allow; otherwise what is locked stays."""

import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "requirements"

# In this order: the later ones keep to the versions of base.
LOCKS = {
    "base": ["base.in"],
    "prod": ["base.in", "prod.in"],
    "dev": ["base.in", "dev.in"],
    "ci": ["base.in", "dev.in", "ci.in"],
    "mariadb": ["base.in", "mariadb.in"],
    "uv": ["uv.in"],
}
OPTIONS = ("--universal", "--generate-hashes", "--python-version", "3.12", "--quiet")


def main() -> None:
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    for name, sources in LOCKS.items():
        constraint = [] if name in ("base", "uv") else ["--constraint", "base.txt"]
        header = ["--custom-compile-command", "./dev lock"]
        target = ["--output-file", f"{name}.txt"]
        command = [uv, "pip", "compile", *OPTIONS, *header, *constraint, *target, *sys.argv[1:]]
        subprocess.run([*command, *sources], cwd=FOLDER, check=True)
        print(f"requirements/{name}.txt")


if __name__ == "__main__":
    main()
