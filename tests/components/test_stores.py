from __future__ import annotations

from components.stores import Bucket, Database


def test_a_database_becomes_the_variables_of_libpq() -> None:
    secret = Database(name="d", user="u", password="p", host="h").secret("ns")
    assert secret["metadata"] == {"name": "database", "namespace": "ns"}
    assert secret["stringData"] == {
        "PGHOST": "h",
        "PGPORT": "5432",
        "PGDATABASE": "d",
        "PGUSER": "u",
        "PGPASSWORD": "p",
    }


def test_a_bucket_becomes_the_variables_of_the_aws_sdks() -> None:
    bucket = Bucket(name="b", endpoint="http://s3", region="r", access_key="k", secret_key="s")
    data = bucket.secret("ns")["stringData"]
    assert data["AWS_ENDPOINT_URL"] == "http://s3"
    assert data["AWS_REGION"] == data["AWS_DEFAULT_REGION"] == "r"
    assert (data["BUCKET"], data["AWS_ACCESS_KEY_ID"], data["AWS_SECRET_ACCESS_KEY"]) == (
        "b",
        "k",
        "s",
    )


def test_the_reader_of_a_bucket_has_keys_of_its_own() -> None:
    bucket = Bucket(
        name="b",
        endpoint="http://s3",
        region="r",
        access_key="k",
        secret_key="s",
        reader_keys=("b-reader", "t"),
    )
    assert (bucket.reader.access_key, bucket.reader.secret_key) == ("b-reader", "t")
    assert bucket.reader.endpoint == bucket.endpoint


def test_where_there_is_no_reader_the_owner_reads() -> None:
    bucket = Bucket(name="b", endpoint="http://s3", region="r", access_key="k", secret_key="s")
    assert bucket.reader is bucket
