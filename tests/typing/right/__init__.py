"""Code in which a type checker finds nothing."""
