"""Who pays: people, accounts, members, balance. Never learns that quota exists."""
