"""WHO speaks for the desk: one data file per country agent, the loader, and whom a text addresses."""
