"""Make the store of a night, on the machine of whoever is first."""

from __future__ import annotations

from pyros_kernel.opening import first_fixtures
from pyros_kernel.settings import Settings
from pyros_kernel.store import Store

store = Store.open(Settings.from_environment().database_url)
first_fixtures(store, ("night_2022-09-29.json",))
store.close()
