"""Benchmarks: ratios of two things measured side by side, never asserted in a test that is timed.

    python -m tests.bench                       # every suite at its usual size, one table
    python -m tests.bench diff --size 10000000
    python -m tests.bench --check               # exit code 1 where a ratio misses its target

Machines are shared and differ, so each figure is a ratio to what no implementation could avoid, or to another program:
both are run in turn, several rounds, and the medians are compared. CPU seconds stand beside the wall's.
"""
