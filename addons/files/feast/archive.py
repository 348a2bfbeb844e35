"""Prints the registry of a team's project as lines of JSON, and last how many there were.

Each line has the ``kind`` of a definition (entities, featureViews, …) and its ``definition``, as
Feast writes it. There is none of a project that is not there.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import psycopg

PROJECT = os.environ["PROJECT"]


def there() -> bool:
    """Say whether the project has its tables: Feast would look for them in vain."""
    if "PGHOST" not in os.environ:
        return False
    with psycopg.connect() as connection:
        found = connection.execute("SELECT to_regclass(%s)", [f'"{PROJECT}".feature_views'])
        row = found.fetchone()
    return bool(row and row[0])


def lines() -> Iterator[dict[str, Any]]:
    """Yield every definition."""
    if not there():
        return
    from feast import FeatureStore  # noqa: PLC0415  imports take seconds

    registry = FeatureStore(os.environ.get("FEAST_REPOSITORY", "/etc/cnai")).registry
    for kind, found in registry.to_dict(PROJECT).items():
        for definition in found if isinstance(found, list) else []:
            yield {"kind": kind, "definition": definition}


count = 0
for line in lines():
    print(json.dumps(line), flush=True)
    count += 1
print(json.dumps({"count": count}), flush=True)
