select member_no from {{ ref('refusals') }}
