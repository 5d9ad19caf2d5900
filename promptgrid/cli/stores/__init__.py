"""The commands about the store as a whole: its copies, and the hosts that share it."""
