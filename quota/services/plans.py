"""What a connection knows of tables that have grown since it last asked."""

from django.db import connection

MANY = 100


def plan_for(rows: int) -> None:
    """Have PostgreSQL plan anew before many rows are written; for a few, do nothing.

    It keeps the plans of its own foreign-key checks, and of what is prepared, for as
    long as a connection lives, and knows nothing of a table until the first ANALYZE.
    Either way a check may read all rows of the account for each row written: quadratic,
    until autovacuum comes by. Called in the transaction that writes them.
    """
    if rows < MANY:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT quota_know_tables()")
        cursor.execute("DISCARD PLANS")
