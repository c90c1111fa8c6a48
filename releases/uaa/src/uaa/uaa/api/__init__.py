"""One module for each group of endpoints; ``routes`` lists them."""
