"""What happens when a question is asked."""
