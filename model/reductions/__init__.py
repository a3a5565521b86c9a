"""What a search may leave out, with the certificate that it may: symmetry and partial order."""
