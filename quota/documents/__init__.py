"""Papers made of what a page says: no queries, no rules, only layout."""
