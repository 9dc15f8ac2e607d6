"""Writes every fixture, or those named.

    python python/reference/make.py [schedulers tokens models pictures prompts noise ip_adapter diffusion_suite]
"""

import importlib
import os
import sys
import time

# Before torch is loaded: noise as on most machines, and sums in one order.
os.environ["ATEN_CPU_CAPABILITY"] = "avx2"
os.environ["OMP_NUM_THREADS"] = "1"

EVERYTHING = ["schedulers", "tokens", "models", "pictures", "prompts", "noise", "ip_adapter", "diffusion_suite"]


def main() -> None:
    chosen = sys.argv[1:] or EVERYTHING
    sys.argv[1:] = []
    if unknown := set(chosen) - set(EVERYTHING):
        sys.exit(f"no such fixtures: {', '.join(sorted(unknown))}; there are {', '.join(EVERYTHING)}")
    for name in EVERYTHING:
        if name in chosen:
            since = time.monotonic()
            importlib.import_module(name).main()
            print(f"== {name}: {time.monotonic() - since:.0f} s", flush=True)


if __name__ == "__main__":
    main()
