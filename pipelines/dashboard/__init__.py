"""The dashboard: what BI sees, on one page of Streamlit over the published copy or PostgreSQL.

`board` reads the numbers of all audiences, `board.html` shows them, `page` is what Streamlit runs; the page of one
audience is that of `tailrace report`. Numbers only: no person is on any of it.
"""
