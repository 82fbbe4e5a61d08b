"""What `traktir doctor` looks at: each module looks at one side of a machine, given as values."""
