"""What every room stands on, and what knows nothing of networks.

Three-part errors, validation of tables, whole files or none, documents that strangers wrote, the
cores and the memory of the machine, and the progress of long work.
"""
