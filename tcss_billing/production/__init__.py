"""How the console runs where customers are: the web server's settings, and units."""
