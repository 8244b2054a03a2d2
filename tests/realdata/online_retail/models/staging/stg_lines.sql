with known as (
    select *
    from {{ source('raw_uci', 'online_retail') }}
    where {{ is_known('_event_date') }} and "CustomerID" is not null
),

distinct_lines as (
    select distinct
        "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"
    from known
),

lines as (
    select
        regexp_replace("CustomerID", '\.0$', '') as person_id,
        "InvoiceNo" as invoice_id,
        "StockCode" as product_id,
        cast("InvoiceDate" as date) as happened_on,
        case
            when left("InvoiceNo", 1) = 'C' and "Quantity" < 0 then 'refund'
            when left("InvoiceNo", 1) not in ('C', 'A') and "Quantity" > 0 and "UnitPrice" > 0 then 'purchase'
        end as kind,
        regexp_matches("StockCode", '^[0-9]{5}') as is_product,
        "Quantity" * "UnitPrice" as amount
    from distinct_lines
)

select person_id, invoice_id, product_id, happened_on, kind, is_product, amount
from lines
where kind is not null
