"""Pages of the site, one module each: from a board to what a template shows."""
