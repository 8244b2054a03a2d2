{% set audiences = [
  'abandoned_cart', 'abandoned_checkout', 'approaching_quota_80', 'back_in_stock', 'browse_abandonment',
  'cart_burst_high_intent', 'category_loyalist', 'champion_inactive', 'churned_winback_b2b',
  'consent_withdrawn', 'credit_low', 'discount_only', 'do_not_retarget', 'erasure_pending',
  'expansion_ready_pql', 'failed_payment_inactive', 'failed_payment_still_active', 'global_holdout', 'high_aov',
  'high_value_recent_complaint', 'intent_t1_checkout', 'intent_t2_cart', 'intent_t3_view',
  'lookalike_seed_high_ltv', 'loyalty_nudge', 'multi_buyer_high_ltv_winback', 'one_time_low_margin',
  'over_quota_100', 'paying_customers_suppress_b2b', 'post_purchase_first', 'price_drop_viewed',
  'recent_buyers_suppress', 'refund_or_complaint_pause', 'renewal_7d_low_activity', 'repeat_buyers',
  'replenishment_due', 'review_request', 'second_order_nudge', 'shipping_update', 'spend_spike',
  'sunset_unengaged', 'trial_ending_active', 'trial_ending_inactive', 'trial_not_activated',
  'usage_drop_40_wow', 'vip', 'vip_at_risk', 'vip_entered', 'welcome', 'winback', 'winback_lapsed'
] %}

with members as (
  {%- for audience in audiences %}
  select '{{ audience }}' as audience, person_id from {{ ref(audience) }}
  {{ 'union all' if not loop.last }}
  {%- endfor %}
)

select
  members.audience || '|' || members.person_id as membership,
  members.audience,
  members.person_id,
  {{ business_day() }} as as_of_day,
  coalesce(worth.revenue, 0) as revenue_365d
from members
left join {{ ref('person_value') }} as worth using (person_id)
