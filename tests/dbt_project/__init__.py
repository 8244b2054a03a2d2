"""Tests of the example dbt project."""
