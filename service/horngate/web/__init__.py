"""The page: what people see of the server in a browser, and the JSON that it asks for."""
