select * from {{ ref('short') }} union all select * from {{ ref('buyers') }}
