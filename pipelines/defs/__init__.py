"""The door for Dagster: assets, checks and schedules of one project. No logic of delivery lives here."""
