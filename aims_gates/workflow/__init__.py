"""What people do with a version: requests and their answers, grants to carry, compromised keys."""
