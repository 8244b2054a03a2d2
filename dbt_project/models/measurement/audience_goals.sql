{{ declared_goals() }}
