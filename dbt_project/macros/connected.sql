{#
  Which nodes of a graph hang together, as CTEs: `component_of` (node, component), for nodes that have a link at all.

  Each round, every node picks the smallest of itself and its neighbours; the picks are the nodes of the next, smaller
  graph. What is smallest is shuffled anew each round, so a graph of any shape shrinks to about 0.6 of its nodes a round:
  all rounds together read the links some three times, and n rounds suffice for components of about 1.6^n nodes. No
  recursion: every engine has what this needs, and the number of steps is fixed.

  The shuffle multiplies by a factor modulo the prime 2^31 - 1, and a node is found again from its place in the shuffle
  by the inverse factor. Nodes are whole numbers from 1 to 2^31 - 2.
#}
{% macro connected(links, here, there, rounds) -%}
{%- set prime = 2147483647 -%}
{%- set factor, inverse = 1583458089, 1132489760 -%}
{%- set shuffle = namespace(by=1, back=1) -%}
links_0 as (select {{ here }} as here, {{ there }} as there from {{ links }})

{%- for round in range(1, rounds + 1) -%}
{%- set shuffle.by = shuffle.by * factor % prime -%}
{%- set shuffle.back = shuffle.back * inverse % prime -%}
,

picks_{{ round }} as (
  select
    here,
    least(min(there * {{ shuffle.by }} % {{ prime }}), here * {{ shuffle.by }} % {{ prime }})
      * {{ shuffle.back }} % {{ prime }} as pick
  from links_{{ round - 1 }}
  group by here
),

links_{{ round }} as (
  select distinct mine.pick as here, theirs.pick as there
  from links_{{ round - 1 }} as links
  inner join picks_{{ round }} as mine on mine.here = links.here
  inner join picks_{{ round }} as theirs on theirs.here = links.there
  where mine.pick <> theirs.pick
),

reached_{{ round }} as (
  {%- if round == 1 %}
  select here as node, pick as component
  from picks_1
  {%- else %}
  select reached.node, coalesce(picks.pick, reached.component) as component
  from reached_{{ round - 1 }} as reached
  left join picks_{{ round }} as picks on picks.here = reached.component
  {%- endif %}
)
{%- endfor %},

component_of as (select node, component from reached_{{ rounds }})
{%- endmacro %}
