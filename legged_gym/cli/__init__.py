"""The command line: flags of all scripts, what a command line asks for, and runs on disk."""
