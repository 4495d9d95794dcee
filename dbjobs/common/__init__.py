"""What every package may use: time, files, documents, signals."""
