"""Where results end up, and how they get there without leading us astray: object stores and the safe download."""
