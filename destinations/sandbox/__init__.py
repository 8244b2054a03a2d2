"""Local channel servers that enforce the vendors' contracts and keep the truth, plus an inbox page.

They share no code with the destinations they answer: what a destination believes of a vendor is never what checks it.
`destinations.sandbox.server.Sandbox` starts them all on one loopback port; standard library only.
"""
