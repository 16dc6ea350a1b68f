"""One value per architecture, with all that is special to it, and the networks that they name."""
