"""The audiences computed a second time, in plain Python from the words of their definitions.

One module a project: `read(folder)` gives its facts, and a function named like each model gives the ids of the members
on a day. They know nothing of the SQL and take their own way wherever there is one: they read the original date
columns where the SQL reads `_event_date`, count money in thousandths where the SQL has decimals, walk from renewal to
renewal where the SQL lists them.
"""
