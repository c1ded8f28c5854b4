"""Reads settings from where people write them, and says which place is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from seawall.adapters.settings.settings import Settings
from seawall.kernel import BadInput, nearest

FILE, PREFIX = "seawall.toml", "SEAWALL_"
_TYPES = get_type_hints(Settings, include_extras=True)


def load(flags: Mapping[str, Any], environ: Mapping[str, str], folder: Path) -> Settings:
    """The settings by `seawall.toml` in this folder, `SEAWALL_...` variables, and flags.

    Each is stronger than the one before; an empty variable and a flag that is None say nothing.
    Relative paths start at the folder, whatever said them. Raises `BadInput`, naming the place,
    for an unknown key, with the nearest one, and for a value of the wrong type or range.
    """
    variables = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and value
    }
    said = {
        key: str(value) if isinstance(value, Path) else value
        for key, value in flags.items()
        if value is not None
    }
    path = folder / FILE
    given = _checked(_file(path), str, str(path), strict=True)
    given |= _checked(variables, lambda key: PREFIX + key.upper(), "environment", strict=False)
    given |= _checked(said, lambda key: "--" + key.replace("_", "-"), "flags", strict=True)
    return _placed(msgspec.convert(given, Settings, strict=False, dec_hook=_path), folder)


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"cannot be read: {error}", where=str(path)) from None


def _checked(
    given: Mapping[str, Any], written: Callable[[str], str], place: str, *, strict: bool
) -> dict[str, Any]:
    """The same, if every key exists and takes its value; `written` is how a key is put there."""
    for key, value in given.items():
        if key not in _TYPES:
            remedy = nearest(written(key), map(written, _TYPES))
            raise BadInput(f"no setting {written(key)!r}", where=place, remedy=remedy)
        try:
            msgspec.convert(value, _TYPES[key], strict=strict, dec_hook=_path)
        except msgspec.ValidationError as error:
            raise BadInput(f"{written(key)}: {error}", where=place) from None
    return dict(given)


def _path(kind: type, value: Any) -> Path:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"Expected `str`, got `{type(value).__name__}`")


def _placed(settings: Settings, folder: Path) -> Settings:
    """With relative paths placed and those that follow from the data folder filled in."""
    data = folder / settings.data_dir
    objects = settings.objects or str(data / "objects")
    clock, keys, apart = settings.clock, settings.decision_keys, settings.protected_keys
    return msgspec.structs.replace(
        settings,
        data_dir=data,
        database_url=settings.database_url or f"sqlite:///{data / 'seawall.db'}",
        objects=objects if "://" in objects else str(folder / objects),
        decision_keys=keys and folder / keys,
        protected_keys=apart and folder / apart,
        clock=clock if clock == "system" else f"file:{folder / clock[5:]}",
    )
