"""Rule sets over facts and estimates, and the gates they form."""
