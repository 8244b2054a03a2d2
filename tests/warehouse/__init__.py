"""Tests of what stands in `pipelines/warehouse`."""
