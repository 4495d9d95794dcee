"""`dbjobs mcp`."""
