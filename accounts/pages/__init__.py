"""What the pages of people show, in counted queries."""
