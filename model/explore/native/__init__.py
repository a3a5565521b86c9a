"""The engine in machine code: text of LLVM, its compilation, the search and its set of states."""
