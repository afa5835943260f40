"""The dashboard: what is live, how good it is and who moved it, as pages; it reads, and changes nothing by itself."""
