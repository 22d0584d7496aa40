"""Check the installed packages without a network: ``python -m security``; exit code 1 if one is altered or weak."""

from __future__ import annotations

import sys
from importlib.metadata import distributions

from security.audit import altered, at_odds, read_floors, weak


def main() -> int:
    """Print what is wrong."""
    packages, floors = list(distributions()), read_floors()
    found = [*altered(packages), *at_odds(packages), *weak(packages, floors)]
    sys.stdout.write("".join(line + "\n" for line in found))
    sys.stdout.write(
        f"{len(packages)} packages: files against their RECORD, requirements, and {len(floors)} known weaknesses"
        f" (advisories newer than security/floors.toml are not seen): {len(found)} found\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
