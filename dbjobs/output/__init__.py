"""What users and programs read: text, tables, the live view, CI systems, reports."""
