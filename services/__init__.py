"""The five services; each is a package of its own and never imports another."""
