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
ROOMS = ("statistics", "monitoring", "sdk", "serving")
FILES = ("adapters/test_tables.py", "adapters/test_runtimes.py", "adapters/test_rendering.py")
FOREIGN = (
    "import shutil, sysconfig;"
    "shutil.rmtree(sysconfig.get_path('purelib') + '/tests', ignore_errors=True)"
)
"""Old libraries install their own tests as `tests`, which would hide ours."""
PLACES = tuple(f"tests/{name}" for name in (*ROOMS, *FILES, "test_kernel.py"))


def main(interpreters: list[str]) -> int:
    told: list[str] = []
    failed = False
    for interpreter in interpreters or [sys.executable]:
        for resolution in ("lowest-direct", "highest"):
            status = tried(interpreter, resolution)
            told.append(f"{version(interpreter)}, {resolution}: {'fails' if status else 'passes'}")
            failed = failed or bool(status)
    sys.stdout.write("\n".join([*told, ""]))
    return int(failed)


def tried(interpreter: str, resolution: str) -> int:
    """Install everything so resolved, and run the fast tests; the status of what failed, or 0."""
    uv = [sys.executable, "-m", "uv"]
    with tempfile.TemporaryDirectory(prefix="seawall-versions-") as folder:
        python = f"{folder}/bin/python"
        install = [*uv, "pip", "install", "--quiet", "--python", python]
        # what old libraries deprecate in one another is theirs; our own use fails on the newest
        old = resolution != "highest"
        ignored = ["-W", "ignore::DeprecationWarning", "-W", "ignore::FutureWarning"] if old else []
        steps = (
            [*uv, "venv", "--quiet", "--clear", "--python", interpreter, folder],
            [*install, "--resolution", resolution, "--editable", ".[all]", "--group", "dev"],
            [python, "-c", FOREIGN],
            [python, "-m", "pytest", "-q", "-m", "not soak", *ignored, *PLACES],
        )
        for step in steps:
            if status := subprocess.run(step, cwd=ROOT).returncode:
                return status
    return 0


def version(interpreter: str) -> str:
    code = "import platform; print('Python', platform.python_version())"
    return subprocess.run([interpreter, "-c", code], capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
