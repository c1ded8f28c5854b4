"""The training program of the demo, as a team would run it: `python -m seawall.cli.demo.train`.

It is told where the control plane is by SEAWALL_URL and SEAWALL_TOKEN, and where to keep its
extracts by EXTRACTS_FOLDER. Prints the version that it registered.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import seawall
from seawall.adapters.clock import clock_of
from seawall.cli.context import settings
from seawall.cli.demo import data
from seawall.kernel import BadInput, SeawallError, nearest
from seawall.sdk.datasets import Table, describe, file_digest


class Recipe(NamedTuple):
    """Which years, which fault in the extract, which further inputs."""

    years: tuple[int, ...]
    fault: str = ""
    extra: tuple[str, ...] = ()


RECIPES = {
    "champion": Recipe((2015,)),
    "unfair": Recipe((2015,), "lose_women", ("SEX",)),
    "retrained": Recipe((2015, 2016)),
    "inverted": Recipe((2015, 2016), "flip_band"),
    "challenger": Recipe((2015, 2016, 2017)),
}
PARAMETERS: dict[str, Any] = {
    "max_iter": 80, "learning_rate": 0.08, "max_leaf_nodes": 31, "random_state": 0,
}  # fmt: skip


def train(recipe_name: str, extracts: Path) -> str:
    """Train and register one recipe; returns the version."""
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier

    recipe = RECIPES[recipe_name]
    source = Path(os.environ.get("CENSUS_FILE") or data.packaged())
    people = data.of_years(data.census(source), *recipe.years)
    people, held_out = _with_fault(recipe, people)
    features = (*data.FEATURES, *recipe.extra)
    parents = (file_digest(source),)
    sets = {
        "source": describe(source, name="census", source=data.SOURCE),
        "train": describe(people, name="train", parents=parents, source=_what(recipe)),
        "holdout": _keep(held_out, extracts / f"{recipe_name}-holdout.parquet", parents),
    }
    with (
        seawall.Client(os.environ["SEAWALL_URL"], os.environ["SEAWALL_TOKEN"]) as client,
        seawall.training_run(
            "income",
            client,
            data=sets,
            parameters=PARAMETERS,
            clock=clock_of(settings()),
        ) as run,
    ):
        matrix = np.column_stack([people[name].to_numpy() for name in features])
        model = HistGradientBoostingClassifier(**PARAMETERS)
        model.fit(matrix.astype(np.float32), people[data.LABEL].to_numpy())
        run.log(training_iterations=model.n_iter_)
        protected = [name for name in data.PROTECTED if name not in recipe.extra]
        run.save(
            model,
            people,
            features=features,
            label=data.LABEL,
            protected=protected,
            ranges=data.RANGES,
        )
    return run.version


def _with_fault(recipe: Recipe, people: Table) -> tuple[Table, Table]:
    """The inverted extract is wrong for training and validation alike, the unfair one only for
    training."""
    if recipe.fault == "flip_band":
        return data.split(data.flip_band(people))
    training, held_out = data.split(people)
    return (data.lose_women(training), held_out) if recipe.fault else (training, held_out)


def _what(recipe: Recipe) -> str:
    return f"years {', '.join(map(str, recipe.years))}, four fifths by id"


def _keep(table: Table, path: Path, parents: tuple[Any, ...]) -> Any:
    data.write(table, path)
    return describe(path, name="holdout", parents=parents, source=str(path))


def main() -> int:
    """Train the recipe named on the command line."""
    try:
        name = sys.argv[1] if len(sys.argv) == 2 else ""
        if name not in RECIPES:
            raise BadInput(f"no recipe {name!r}", remedy=nearest(name, RECIPES))
        print(train(name, Path(os.environ.get("EXTRACTS_FOLDER", "."))))  # noqa: T201
    except SeawallError as error:
        print(f"seawall: {error}", file=sys.stderr)  # noqa: T201
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
