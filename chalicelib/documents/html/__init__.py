"""Reports as one HTML page, with charts as inline SVG."""
