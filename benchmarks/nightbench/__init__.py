"""One night, one judge: a problem generator and a neutral judge that shares nothing with the planner."""
