"""Documents of every format, each with what must be found in it."""
