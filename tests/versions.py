"""The fast tests against the lowest and the newest versions of all that pyproject.toml allows.

`python -m tests.versions [PYTHON ...]`: of each interpreter (this one by default) two throw-away
environments, one resolved to the lowest versions of direct requirements, one to the newest; no
lock file has a say.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
FAST = (
    "statistics", "monitoring", "sdk", "serving", "adapters/test_tables.py",
    "adapters/test_runtimes.py", "test_kernel.py",
)  # fmt: skip


def main(interpreters: list[str]) -> int:
    told: list[str] = []
    failed = False
    for interpreter in interpreters or [sys.executable]:
        for resolution in ("lowest-direct", "highest"):
            status = tried(interpreter, resolution)
            told.append(f"{version(interpreter)}, {resolution}: {'fails' if status else 'passes'}")
            failed = failed or bool(status)
    print("\n".join(told))
    return int(failed)


def tried(interpreter: str, resolution: str) -> int:
    """Install everything so resolved, and run the fast tests; the status of what failed, or 0."""
    uv = [sys.executable, "-m", "uv"]
    with tempfile.TemporaryDirectory(prefix="seawall-versions-") as folder:
        python = f"{folder}/bin/python"
        what = ["--editable", ".[all]", "--group", "dev"]
        steps = (
            [*uv, "venv", "--quiet", "--clear", "--python", interpreter, folder],
            [*uv, "pip", "install", "--quiet", "--python", python, "--resolution", resolution, *what],
            [python, "-m", "pytest", "-q", "-m", "not soak", *(f"tests/{name}" for name in FAST)],
        )  # fmt: skip
        for step in steps:
            if status := subprocess.run(step, cwd=ROOT).returncode:
                return status
    return 0


def version(interpreter: str) -> str:
    code = "import platform; print('Python', platform.python_version())"
    return subprocess.run([interpreter, "-c", code], capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
