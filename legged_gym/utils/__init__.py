"""Mathematics and errors."""
