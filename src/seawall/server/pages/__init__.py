"""The web pages: what each shows (`views`), how it is drawn (`render`), where it is (`paths`)."""
