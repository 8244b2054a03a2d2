{%- for metric, before, outcome in [
  ('conversion', 'converted_before', 'converted'), ('revenue', 'revenue_before', 'revenue')
] %}
select '{{ metric }}' as metric, {{ metric }}.*
from (
  {{ lift(
    '(select audience, arm, ' ~ outcome ~ ' as outcome, ' ~ before ~ ' as before, holdout from '
    ~ ref('experiments') ~ ' where is_complete) as people'
  ) }}
) as {{ metric }}
{{ 'union all' if not loop.last }}
{%- endfor %}
