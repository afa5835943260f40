"""The `/predict` app of one environment: answers photos, and changes its model without failing one."""
