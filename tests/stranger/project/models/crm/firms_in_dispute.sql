select firm from {{ source('till', 'complaints') }}
