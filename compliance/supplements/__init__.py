"""What a certificate is followed by: supplements when a debt has lapsed, and refusals where the law owes an answer."""
