"""Installs what the tests start: `python -m tests.services.install`."""

from tests.services import java, postgres

if __name__ == "__main__":
    postgres.install()
    java.install()
