"""Audiences on real data: dbt projects over public data sets, checked against a second computation."""
