"""Results to tidy tables, tables to figures and sentences, all of it to one page.

`meta` says what the report is about, `tables` holds and stores the numbers, `points` picks what to compare, `answer`
says it in words, `figures` draws it, `page` puts it together. Import from these modules: the package itself is empty.
"""
