"""Small faults put into the code one at a time, to learn which of them no test notices. `make mutants` runs it."""
