"""Speed and memory as ratios, each measured in one run beside what it is compared with."""
