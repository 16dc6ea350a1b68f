"""What runs and probes leave behind: records, their stores, the results directory."""
