"""What replies make of the documents in their prompts, and why answers from documents are wrong."""
