"""The owner's door: questions, documents and their files, for whoever holds an owner's key."""
