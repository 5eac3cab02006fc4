"""HTTP manners shared by all APIs."""
