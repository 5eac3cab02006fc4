"""HTTP manners that all APIs share. Knows no API."""
