"""The commands: parse, call, show, exit. A folder a noun, a file a verb, and no logic."""
