"""Takes a team's project out of PostgreSQL, definitions and rows; twice is the same as once."""

import os

import psycopg

PROJECT = os.environ["PROJECT"]

with psycopg.connect(autocommit=True) as connection:
    gone = psycopg.sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE")
    connection.execute(gone.format(psycopg.sql.Identifier(PROJECT)))
print(f"project {PROJECT} went, with its registry and its rows")
