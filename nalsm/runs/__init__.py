"""One run, from its settings to its accuracy, and everything it leaves in its version folder."""
