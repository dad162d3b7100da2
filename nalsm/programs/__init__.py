"""What the runners call: one file for each kind of program.

Nothing is imported here: the first question comes before any heavy library loads.
"""
