select person_id, email, cart_value, cast('{{ var("as_of", "2026-01-01") }}' as timestamp) as built_for
from {{ ref('persons') }} where cart_value >= 40
