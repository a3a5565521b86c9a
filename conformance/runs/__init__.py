"""One run of the threads: its workload, its recorded events, the log of them."""
