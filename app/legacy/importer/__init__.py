"""The import of an old server's database: `portfolio import-flask`.

A file is opened without touching it (`opening.py`), read as tables and rows (`source.py`), its
columns are recognised by what is there (`recognise.py`), and it is carried over in one transaction
(`run.py`): people, then what belongs to them. `values.py` judges single values, `ledger.py` keeps
the account on our side, `report.py` the one for whoever asked. `docs/importing.md` says what is
kept, changed and refused.
"""
