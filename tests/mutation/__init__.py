"""Mutants that nobody thought of: one small change a time in code that must not be wrong, and quick tests on it.

    python -m tests.mutation --sample 60        # draws mutants, runs each, lists those that nothing noticed
    python -m tests.mutation --only state/lease.py

A mutant that survives is either code that says nothing (equivalent, or dead) or a test that is missing. Nothing of this
runs in CI: a survivor is read by a person.
"""
