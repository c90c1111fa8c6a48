"""The database: tables, migrations, and a store that reads and writes records."""
