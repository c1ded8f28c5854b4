"""Debian's Java, which Spark runs on, installed when it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess

PACKAGE = "openjdk-17-jre-headless"


def install() -> None:
    """See that there is a `java`; installs the Debian package first if need be."""
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return
    apt = ["apt-get", "-y", "-q", "-o", "Dpkg::Use-Pty=0"]
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "--no-install-recommends", PACKAGE]):
        subprocess.run([*apt, *step], check=True, env=env, stdout=subprocess.DEVNULL)
    assert shutil.which("java"), f"{PACKAGE} was installed, but there is no java"
