"""The commands of `nonmun`, by what they are for: each parses, calls the package, prints."""
