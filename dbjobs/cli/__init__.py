"""The commands: a folder for each noun, a module for each verb."""
