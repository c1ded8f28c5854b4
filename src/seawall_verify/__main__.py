"""`python -m seawall_verify`."""

from seawall_verify.main import run

run()
