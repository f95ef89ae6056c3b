"""Built-in extensions.  The file name is the type name in config.yaml."""
