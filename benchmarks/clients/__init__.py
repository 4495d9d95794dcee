"""What is measured besides dbjobs itself; each runs in an environment of its own."""
