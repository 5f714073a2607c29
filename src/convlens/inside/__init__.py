"""Look inside a network: what each cell computes, what each map shows, why a class won.

Everything here gives arrays with documented shapes; `convlens.figures` draws them.
"""
