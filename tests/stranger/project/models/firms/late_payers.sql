select firm as firm_id, owed from {{ source('till', 'firms') }} where owed > 0
