{#
  What an experiment shows: those who were sent against those who were held out, as they were drawn and not as they
  were reached (intention to treat), one row an audience.

  `relation` has one row a person an audience: audience, arm ('sent' or 'held_out'), outcome (a number: 1 or 0 for a
  conversion, money for revenue), before (the same of the time before, or 0) and holdout (the share that was to be held
  out).

  effect                mean of the sent less mean of the held out
  effect_low, _high     its 95 % interval (Welch's standard error; the arms are large)
  adjusted_…            the same after CUPED: what the time before explains is taken off (Deng, Xu, Kohavi, Walker, 2013)
  always_low, _high     an interval that holds at every look, for those who look each day (a normal mixture: Robbins,
                        1970, as asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, 2021)
  detectable            the smallest effect that would be found four times out of five (80 % power)
  arms_fit              whether the arms have the sizes that were drawn: chi square under 10.83 (p above 0.001)
#}
{% macro lift(relation, looks_at=10000) -%}
with arms as (
  select
    audience,
    max(holdout) as holdout,
    count(case when arm = 'sent' then 1 end) as n_sent,
    count(case when arm = 'held_out' then 1 end) as n_held,
    avg(case when arm = 'sent' then outcome end) as mean_sent,
    avg(case when arm = 'held_out' then outcome end) as mean_held,
    var_samp(case when arm = 'sent' then outcome end) as var_sent,
    var_samp(case when arm = 'held_out' then outcome end) as var_held,
    avg(case when arm = 'sent' then before end) as before_sent,
    avg(case when arm = 'held_out' then before end) as before_held,
    var_samp(case when arm = 'sent' then before end) as before_var_sent,
    var_samp(case when arm = 'held_out' then before end) as before_var_held,
    covar_samp(case when arm = 'sent' then outcome end, case when arm = 'sent' then before end) as covar_sent,
    covar_samp(case when arm = 'held_out' then outcome end, case when arm = 'held_out' then before end) as covar_held
  from {{ relation }}
  group by audience
),

-- One slope for both arms, or the adjustment itself would differ between them.
slopes as (
  select
    *,
    coalesce(
      ((n_sent - 1) * covar_sent + (n_held - 1) * covar_held)
      / nullif((n_sent - 1) * before_var_sent + (n_held - 1) * before_var_held, 0), 0) as slope
  from arms
),

effects as (
  select
    *,
    mean_sent - mean_held as effect,
    sqrt(var_sent / n_sent + var_held / n_held) as error,
    mean_sent - mean_held - slope * (before_sent - before_held) as adjusted_effect,
    sqrt(
      greatest(var_sent - 2 * slope * covar_sent + slope * slope * before_var_sent, 0) / n_sent
      + greatest(var_held - 2 * slope * covar_held + slope * slope * before_var_held, 0) / n_held) as adjusted_error,
    -- How much wider an interval must be that holds at every look, tuned to be narrowest at so many persons.
    {{ always('(n_sent + n_held)', looks_at) }} as always_width,
    power(n_held - (n_sent + n_held) * holdout, 2)
      / nullif((n_sent + n_held) * holdout * (1 - holdout), 0) as misfit
  from slopes
  where n_sent > 1 and n_held > 1
)

select
  audience,
  n_sent,
  n_held,
  mean_sent,
  mean_held,
  effect,
  effect - 1.959963984540054 * error as effect_low,
  effect + 1.959963984540054 * error as effect_high,
  effect / nullif(mean_held, 0) as relative_effect,
  effect * n_sent as incremental,
  adjusted_effect,
  adjusted_effect - 1.959963984540054 * adjusted_error as adjusted_low,
  adjusted_effect + 1.959963984540054 * adjusted_error as adjusted_high,
  effect - always_width * error as always_low,
  effect + always_width * error as always_high,
  2.801585218112968 * error as detectable,
  coalesce(misfit < 10.827566170662733, true) as arms_fit
from effects
{%- endmacro %}

{# Standard errors to either side that hold at every look at once, by how many persons there are (5 % in all). #}
{% macro always(persons, looks_at) -%}
  {#- rho² = (-2 ln α + ln(-2 ln α) + 1) / looks_at, with α = 0.05 -#}
  {%- set rho = (5.991465 + 1.790336 + 1) / looks_at -%}
  sqrt(2 * ({{ persons }} * {{ rho }} + 1) / ({{ persons }} * {{ rho }})
    * ln(sqrt({{ persons }} * {{ rho }} + 1) / 0.05))
{%- endmacro %}
