"""Built-in connectors.  The file name is the type name in config.yaml."""
