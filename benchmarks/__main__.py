"""Run every benchmark: ``python -m benchmarks [--full] [NAME …]``."""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import sys
from importlib.metadata import version

import benchmarks

NAMES = tuple(sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.ispkg and m.name != "__main__"))


def main() -> None:
    load = os.getloadavg()[0]
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}")
    print(", ".join(f"{name} {version(name)}" for name in ("numpy", "astropy", "pyzmq", "lxml", "SQLAlchemy")))
    for name in [name for name in sys.argv[1:] if name != "--full"] or NAMES:
        print(f"\n{name}")
        for label, figure in importlib.import_module(f"benchmarks.{name}").run():
            print(f"  {label:<64} {figure}", flush=True)


if __name__ == "__main__":
    main()
