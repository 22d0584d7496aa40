"""The schema's history, one file in ``versions`` per step.

To add a step, change the models, then run ``tests/pyros_kernel/store/test_migrations.py``: it lists what the migrated
schema lacks, as alembic operations.  Write these, and their inverse, into the next number in ``versions``.  A step that
has been released is never edited: databases out there have taken it.
"""
