"""What is found in a text: personal data and secrets, one detector for each kind, and one scan for all of them."""
