"""Destinations: one module a channel, pure protocol, no I/O.

A destination knows no warehouse, no dbt, no Dagster and no HTTP library: it turns members into requests and answers into outcomes.
"""
