"""The hash schemes, each compiled from its configuration to a plan."""
