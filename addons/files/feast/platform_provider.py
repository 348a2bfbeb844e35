"""Feast's local provider, for definitions that arrive through the registry server.

Where `feast apply` itself reaches the stores, it makes what a feature view needs in them. A client
that knows servers alone cannot, so tables and files are made here, on the first write.
"""

from __future__ import annotations

from typing import Any

from feast import FeatureStore, FileSource
from feast.infra.online_stores.postgres_online_store.postgres import PostgreSQLOnlineStore
from feast.infra.passthrough_provider import PassthroughProvider
from feast.types import from_feast_to_pyarrow_type
from pyarrow import parquet, schema, timestamp


class OnlineStore(PostgreSQLOnlineStore):  # type: ignore[misc]  # feast is not there to be typed
    """Feature values in PostgreSQL: a table is made with its first row."""

    _conn: Any

    def __init__(self) -> None:
        """Start with no table known."""
        super().__init__()
        self._made: set[str] = set()

    def online_write_batch(self, config: Any, table: Any, data: Any, progress: Any) -> None:
        """Write rows of a feature view, into a table that is there."""
        if table.name not in self._made:
            self.update(config, [], [table], [], [], partial=True)
            self._made.add(table.name)
        super().online_write_batch(config, table, data, progress)

    def _get_conn(self, config: Any, autocommit: bool = False) -> Any:
        # Upstream keeps a connection that the database has closed, for ever.
        if self._conn and self._conn.closed:
            self._conn = None
        return super()._get_conn(config, autocommit)


class Provider(PassthroughProvider):  # type: ignore[misc]
    """The local provider on tables and Parquet files that need not be there yet."""

    _online_store: OnlineStore | None

    @property
    def online_store(self) -> OnlineStore:
        """The online store above, in place of upstream's."""
        if self._online_store is None:
            self._online_store = OnlineStore()
        return self._online_store

    def get_table_column_names_and_types_from_data_source(self, config: Any, source: Any) -> Any:
        """Return the columns of a file, which is made where it is not there."""
        ask = super().get_table_column_names_and_types_from_data_source
        try:
            return ask(config, source)
        except FileNotFoundError:
            make_file(config, source)
            return ask(config, source)


def make_file(config: Any, source: FileSource) -> None:
    """Write a Parquet file without rows, its columns those of the view that the source feeds."""
    views = FeatureStore(config=config).list_batch_feature_views()
    view = next(view for view in views if view.batch_source == source)
    columns = [*view.entity_columns, *view.features]
    times = [name for name in (source.timestamp_field, source.created_timestamp_column) if name]
    empty = schema(
        [(column.name, from_feast_to_pyarrow_type(column.dtype)) for column in columns]
        + [(name, timestamp("us", tz="UTC")) for name in times]
    ).empty_table()
    filesystem, path = FileSource.create_filesystem_and_path(
        source.path, source.s3_endpoint_override
    )
    parquet.write_table(empty, path, filesystem=filesystem)
