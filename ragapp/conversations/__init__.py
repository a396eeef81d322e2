"""What has been asked, and what has come back."""
