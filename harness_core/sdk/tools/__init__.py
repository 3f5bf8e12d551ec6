"""Small guests of the kernel's own: what must be read of others' files is read in a process like any plugin's."""
