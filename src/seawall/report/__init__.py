"""Any result as a document of sentences, tables and chart specifications."""
