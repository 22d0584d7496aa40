"""What can go wrong with the store, one class per reaction of the caller."""

from __future__ import annotations


class StoreError(Exception):
    """The database can't be used as it is; the message says why and what to do."""


class StoreClosed(StoreError):
    """The store was closed by its owner: nothing brings it back."""


class FixtureError(Exception):
    """A fixture can't be loaded or dumped; the message names file, object and field.  Nothing was changed."""
