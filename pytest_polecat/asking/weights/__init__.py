"""What can be known of weights without loading them."""
