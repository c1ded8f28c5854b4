"""How often intervals miss what is true, by simulation: `python -m benchmarks.coverage SUBJECT`.

A subject is a file here. Its `CASES` are what is simulated, its `COLUMNS` the sizes: each case
makes of a column and a generator one run's estimates, each with what it should hold.
"""
