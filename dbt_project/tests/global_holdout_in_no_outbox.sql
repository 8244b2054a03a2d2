-- Whoever is in the global holdout was sent by no audience that spares it.
{{ config(tags=['measurement']) }}

{%- set sparing = [] -%}
{%- for node in (graph.nodes.values() if execute else []) -%}
  {%- set block = (node.config.meta or {}).get('audience') if node.resource_type == 'model' else none -%}
  {%- if block and 'global_holdout' in (block.suppress or []) %}{% do sparing.append(node.name) %}{% endif -%}
{%- endfor %}

select
  stays.audience,
  stays.person_key
from {{ ref('recorded_stays') }} as stays
inner join {{ ref('global_holdout') }} as holdout on holdout.person_id = stays.person_key
where stays.standing = 'sent'
  and stays.until is null
  and stays.audience in ({% for name in sparing | sort %}'{{ name }}'{{ ', ' if not loop.last }}{% else %}''{% endfor %})
