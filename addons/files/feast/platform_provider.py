"""Feast's local provider, for definitions that arrive through the registry server.

Where `feast apply` itself reaches the stores, it makes what a feature view needs in them. A client
that knows servers alone cannot, so tables and files are made here, on the first write.
"""

from feast import FeatureStore
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.online_stores.postgres_online_store.postgres import PostgreSQLOnlineStore
from feast.infra.passthrough_provider import PassthroughProvider
from feast.types import from_feast_to_pyarrow_type
from pyarrow import parquet, schema, timestamp


class OnlineStore(PostgreSQLOnlineStore):
    """Feature values in PostgreSQL: a table is made with its first row."""

    def __init__(self):
        super().__init__()
        self._made = set()

    def online_write_batch(self, config, table, data, progress):
        if table.name not in self._made:
            self.update(config, [], [table], [], [], partial=True)
            self._made.add(table.name)
        super().online_write_batch(config, table, data, progress)

    def _get_conn(self, config, autocommit=False):
        # Upstream keeps a connection that the database has closed, for ever.
        if self._conn and self._conn.closed:
            self._conn = None
        return super()._get_conn(config, autocommit)


class Provider(PassthroughProvider):
    """The local provider on tables and Parquet files that need not be there yet."""

    @property
    def online_store(self):
        if self._online_store is None:
            self._online_store = OnlineStore()
        return self._online_store

    def get_table_column_names_and_types_from_data_source(self, config, data_source):
        try:
            found = super().get_table_column_names_and_types_from_data_source(config, data_source)
        except FileNotFoundError:
            make_file(config, data_source)
            found = super().get_table_column_names_and_types_from_data_source(config, data_source)
        return found


def make_file(config, source):
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
