"""The state database on SQLModel: tables, transactions, and one class per port."""
