"""Tailrace: from dbt models to audiences in channels, by what was delivered."""
