"""Each file is frozen once released; a change of schema is a new file."""
