with baskets as (
    select
        household_id,
        basket_id,
        min(transaction_timestamp) as bought_at,
        sum(cast(sales_value as decimal(18, 2))) as value
    from read_parquet('{{ env_var("TAILRACE_REALDATA") }}/cj_transactions.parquet')
    group by household_id, basket_id
),

promoted as (
    select
        coupons.campaign_id,
        lines.household_id,
        lines.basket_id,
        min(lines.transaction_timestamp) as bought_at,
        sum(cast(lines.sales_value as decimal(18, 2))) as value
    from read_parquet('{{ env_var("TAILRACE_REALDATA") }}/cj_transactions.parquet') as lines
    inner join (
        select distinct campaign_id, product_id
        from read_parquet('{{ env_var("TAILRACE_REALDATA") }}/cj_coupons.parquet')
    ) as coupons using (product_id)
    group by coupons.campaign_id, lines.household_id, lines.basket_id
)

select
    cast(basket_id as varchar) as deed_id,
    cast(household_id as varchar) as person_key,
    'order_paid' as name,
    cast(bought_at as timestamp) as occurred_at,
    cast(value as decimal(18, 2)) as value
from baskets
union all
select
    cast(basket_id as varchar) as deed_id,
    cast(household_id as varchar) as person_key,
    'bought_of_' || cast(campaign_id as varchar) as name,
    cast(bought_at as timestamp) as occurred_at,
    cast(value as decimal(18, 2)) as value
from promoted
