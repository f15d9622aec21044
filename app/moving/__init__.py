"""Moving an instance's database from SQLite to PostgreSQL and back, row for row.

The source is read as of one moment and never written to. The target gets the tables, then the rows
in batches, each in one transaction with how far it is: who is killed goes on from there. In the end
every row on both sides is compared.
"""
