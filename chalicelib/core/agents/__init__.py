"""The same operations as tools for agents, over HTTP and the Model Context Protocol."""
