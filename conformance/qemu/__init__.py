"""A real QEMU under the oracle: its disks are ours, every transfer is held until a strategy lets it go."""
