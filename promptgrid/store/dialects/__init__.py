"""The databases that can hold a store: SQLite (`sqlite`, the default) and PostgreSQL (`postgresql`, an extra). What
differs between them is in this folder; all other modules of the store use `backend` and `sql`."""
