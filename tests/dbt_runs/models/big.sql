select person_id, '{{ var("as_of", "never") }}' as as_of from {{ ref('orders') }} where spent >= 20
