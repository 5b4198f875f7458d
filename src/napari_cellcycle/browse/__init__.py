"""Look through many cells: one table of all that is known of them, and their images as small tiles."""
