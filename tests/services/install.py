"""Installs what the tests start: `python -m tests.services.install`."""

from tests.services import java, postgres, prometheus

if __name__ == "__main__":
    postgres.install()
    java.install()
    prometheus.install()
