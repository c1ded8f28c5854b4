"""`python -m seawall`."""

from seawall.cli.main import run

if __name__ == "__main__":
    run()
