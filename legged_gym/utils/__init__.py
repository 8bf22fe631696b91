"""Task table, command line, runs and evaluation."""
