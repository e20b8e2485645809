"""AWS as the platform uses it: tables, objects, and what each function may touch."""
