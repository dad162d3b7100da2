"""The one command-line dialect: questions and flags, output, progress, signals and exit codes."""
