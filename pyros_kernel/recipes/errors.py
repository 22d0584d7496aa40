"""What can end a recipe: one class per reaction of whoever started it."""

from __future__ import annotations


class Refused(Exception):
    """A recipe can't do this here and now; its text says why, and what to do. Nothing was moved."""


class BadArgument(ValueError):
    """An argument is not what the recipe's signature asks for; its text names it, and what would do."""


class UnknownRecipe(LookupError):
    """There is no recipe of that name; its text says which there are."""


class RecipeAborted(Exception):
    """The recipe was aborted; its text is the reason."""


class RecipeInterrupted(Exception):
    """The recipe stopped before its end, and can be resumed; its text says why."""
