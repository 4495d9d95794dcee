"""One exchange over HTTP, whatever is behind it: sending, time limits, reading the response."""
