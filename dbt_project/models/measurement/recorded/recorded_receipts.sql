{{ recorded('receipts') }}
