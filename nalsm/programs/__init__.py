"""What the runners call: one short file for each kind of program. Nothing heavy loads before the first question."""
