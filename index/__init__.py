"""What happens before a question is asked: digests -> a searchable snapshot on disk."""
