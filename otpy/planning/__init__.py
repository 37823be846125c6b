"""What shall we do? Pure: a plan is a value that is printed, compared, kept and edited."""
