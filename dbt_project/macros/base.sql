{#
  What every audience begins with. Conditions for a `where`, over a relation of the name that is given.
#}

{#
  People one may think of at all: not deleted, not ours, not a test, not in a blocked country; with a channel, only who
  has an identifier that it can use.
#}
{% macro base_person(persons='persons', channel=none) -%}
  {{ persons }}.is_base
  {%- if channel == 'email' %} and {{ persons }}.email is not null{% endif -%}
  {%- if channel == 'ads' %} and coalesce({{ persons }}.email, {{ persons }}.phone) is not null{% endif -%}
  {%- if channel == 'sms' %} and {{ persons }}.phone is not null{% endif -%}
{%- endmacro %}

{# Accounts that are not ours; with days, only those that are at least so many days old: younger ones have no baseline. #}
{% macro base_account(accounts='accounts', tenure_days=0) -%}
  {{ accounts }}.is_base
  {%- if tenure_days %} and {{ accounts }}.created_at <= {{ as_of(days=tenure_days) }}{% endif -%}
{%- endmacro %}

{#
  The person has allowed this purpose on this channel: the last word is `granted`. Unknown is no. The other global
  exclusions (bounces, complaints, erasure, open disputes, holdouts) are no part of a segment: `do_not_contact` and
  holdouts are applied to every audience when it is activated.
#}
{% macro x0(channel, purpose='marketing', person_id='person_id') -%}
  {{ person_id }} in (
    select allowed.person_id
    from {{ ref('person_consents') }} as allowed
    where allowed.channel = '{{ channel }}' and allowed.purpose = '{{ purpose }}' and allowed.status = 'granted'
  )
{%- endmacro %}

{#
  Whether a raw table is as fresh as an audience needs: something landed in [as_of - lag, as_of). The test `ready` asks it
  for an audience that judges by what did *not* happen, and holds the audience where it is not so.

    where {{ ready(raw('billing', 'usage_daily'), hours=30) }}
#}
{% macro ready(relation, days=0, hours=0) -%}
  exists (select 1 from {{ relation }} as landing where {{ within('landing.loaded_at', days=days, hours=hours) }})
{%- endmacro %}

{# Texts of a var as SQL writes a list; an empty one holds nothing. #}
{% macro texts(words) -%}
  {%- for word in words %}'{{ word }}'{{ ', ' if not loop.last }}{% else %}''{% endfor -%}
{%- endmacro %}
