"""How quick dbjobs is, how little it asks, and what the alternatives do: `make bench`."""
