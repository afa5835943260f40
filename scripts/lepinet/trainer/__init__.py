"""What training and test scripts call: log a version, find the active one, test and compare models."""
