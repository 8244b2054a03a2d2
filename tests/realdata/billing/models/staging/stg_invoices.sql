select
    "customerID" as person_id,
    "invoiceNumber" as invoice_id,
    "InvoiceDate" as issued_on,
    "DueDate" as due_on,
    case when {{ is_known('"SettledDate"') }} then "SettledDate" end as settled_on
from {{ source('raw_ibm', 'accounts_receivable') }}
where {{ is_known('_event_date') }}
