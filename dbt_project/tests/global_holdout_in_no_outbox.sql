-- Whoever was drawn to be held out of all marketing was sent by no audience that spares them.
{{ config(tags=['measurement']) }}

{%- set sparing = [] -%}
{%- for node in (graph.nodes.values() if execute else []) -%}
  {%- set block = (node.config.meta or {}).get('audience') if node.resource_type == 'model' else none -%}
  {%- if block and block.get('kind', 'marketing') == 'marketing' and block.get('global_holdout', true) -%}
    {% do sparing.append(node.name) %}
  {%- endif -%}
{%- endfor %}

select
  stays.audience,
  stays.person_key
from {{ ref('recorded_stays') }} as stays
inner join {{ ref('recorded_drawn') }} as drawn
  on drawn.person_key = stays.person_key
  and drawn.salt = '{{ var('global_holdout_salt') }}'
  and drawn.held_out
where stays.standing = 'sent'
  and stays.until is null
  and stays.audience in ({% for name in sparing | sort %}'{{ name }}'{{ ', ' if not loop.last }}{% else %}''{% endfor %})
