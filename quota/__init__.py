"""What is paid for: tariffs, subscriptions, packs, windows, images and scans."""
