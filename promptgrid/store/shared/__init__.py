"""What concerns a store as a whole: who may carry out a run, which hosts are there, its copy in another database."""
