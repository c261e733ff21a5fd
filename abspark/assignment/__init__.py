"""The hash schemes: for each kernel the plain-Python definition and the Spark column side by side."""
