"""The security list: a test for each of its items, numbered as in pipelines/README.md."""
