"""The tables come from migrations, equal the metadata, and several starts do not collide."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from tests.adapters.sql.things import Thing, write

from seawall.adapters.sql import SqlStore, migrate
from seawall.adapters.sql.database import Database
from seawall.adapters.sql.tables import metadata
from seawall.kernel import BadInput, Conflict, FixedClock, Unavailable

ROOT = Path(__file__).parents[3]


def differences(url: str) -> list[object]:
    database = Database(url)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        found = compare_metadata(context, metadata)
    database.close()
    return found


def test_the_migrated_tables_equal_the_metadata(url: str) -> None:
    assert differences(url) == []


def test_a_missing_column_would_be_seen(url: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE events DROP COLUMN body"))
    database.close()
    assert len(differences(url)) == 1


def test_migrating_again_changes_nothing(store: SqlStore, url: str) -> None:
    write(store, Thing("a"))
    migrate(url)
    assert store.find(Thing) == [Thing("a")]


def test_a_store_without_tables_says_what_to_do(empty_url: str, clock: FixedClock) -> None:
    store = SqlStore(empty_url, clock)
    with pytest.raises(Unavailable, match=r"no tables yet.*migrate"):
        store.find(Thing)
    store.close()


def test_a_database_of_a_newer_version_is_left_alone(url: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(Conflict, match="another version"):
        migrate(url)


def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(Unavailable, match="cannot be opened"):
        migrate(f"sqlite:///{tmp_path}/folder.db")
    (tmp_path / "text.db").write_text("no database, but a text of some length" * 100)
    with pytest.raises(BadInput, match="not a database"):
        migrate(f"sqlite:///{tmp_path}/text.db")


def test_several_first_starts_at_once_make_the_tables_once(empty_url: str) -> None:
    code = "import sys; from seawall.adapters.sql import migrate; migrate(sys.argv[1])"
    starts = [
        subprocess.Popen([sys.executable, "-c", code, empty_url], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    said = [start.communicate()[1].decode() for start in starts]
    assert [start.returncode for start in starts] == [0] * 3, said
    assert differences(empty_url) == []


def test_an_installed_wheel_brings_its_migrations(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    wheel = next(tmp_path.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import seawall.adapters.sql as s;"
        "assert s.__file__.startswith(sys.argv[1]); s.migrate(sys.argv[2])"
    )
    url = f"sqlite:///{tmp_path}/seawall.db"
    start = [sys.executable, "-c", code, str(tmp_path / "site"), url]
    subprocess.run(start, cwd=tmp_path, check=True, capture_output=True)
    assert differences(url) == []
