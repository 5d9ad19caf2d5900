"""What a store needs that several hosts share: who may carry out a run, and which hosts are there."""
