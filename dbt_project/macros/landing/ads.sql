{# What advertising platforms say was spent. #}
{% macro ads_tables() %}
{% set tables %}
ad_spend:
  columns: [day, platform, campaign, audience, spend]
  key: [day, platform, campaign]
  faults:
    no key: day is null or platform is null or campaign is null
    no amount: spend is null
    negative amount: spend < 0
{% endset %}
{{ return(fromyaml(tables)) }}
{% endmacro %}
